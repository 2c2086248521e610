/** Results over maxResultBytes: they take little memory, end at the server, and leave nothing. */

import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createPool, type Pool, type PoolOptions } from "../../mod.ts";
import compat from "../../src/entries/compat_promise.ts";
import { failure, one, refused } from "../support/asking.ts";
import { type Server, startServer } from "../support/server.ts";
import { type Flavor, lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const megabyte = 1_000_000;
/** How much memory a limited statement may take: garbage and packets under way included. */
const grownMax = 20 * megabyte;

let server: Server;

/** Returns a statement with rows of 10 kB. */
function rowsOf(bytes: number): string {
  return `SELECT REPEAT('x', 10000) AS x FROM information_schema.columns a, ` +
    `information_schema.columns b LIMIT ${bytes / 10_000}`;
}

function open(options: PoolOptions = {}): Pool<"main"> {
  const uri = server.url();
  return createPool({ uri, shared: false, connectionLimit: 1, ...options });
}

/** Expects that a statement does not go on at the server, and that its pool can be used. */
async function assertUsable(db: Pool<"main">): Promise<void> {
  assert.equal(await one(db, "SELECT 7"), 7);
  await until(async () => await server.connectionCount() <= 1, "one connection is open");
  const running = await server.query("SHOW PROCESSLIST");
  assert.equal(running.filter(({ Info }) => /REPEAT/.test(String(Info))).length, 0);
  assert.equal(db.stats().leased, 0);
}

async function endsEach(): Promise<void> {
  await using db = open({ maxResultBytes: megabyte, multipleStatements: true });
  const sql = rowsOf(3 * megabyte);
  const several = Array(4).fill(rowsOf(0.4 * megabyte)).join("; ");
  const asks: Record<string, () => Promise<unknown>> = {
    text: () => db.query(sql),
    prepared: () => db.execute(sql),
    "several results": () => db.query(several),
    "in a unit": () => db.unit(() => db.query(sql)),
    "in a transaction": () => db.transaction(() => db.query(sql)),
    async "through a lease"() {
      await using lease = await db.lease();
      await lease.execute(sql);
    },
    method: () => db.method(sql)(),
    "a limit of its own": () => db.query({ sql: rowsOf(0.5 * megabyte), maxResultBytes: 1000 }),
    "a limit of its own, prepared": () =>
      db.execute({ sql: rowsOf(0.5 * megabyte), maxResultBytes: 1000 }),
  };
  for (const [how, ask] of Object.entries(asks)) {
    const error = await refused(ask(), "RESULT_TOO_LARGE");
    assert.match(error.message, /exceed 1000(000)? bytes \(maxResultBytes\): /, how);
    assert.match(error.stack ?? "", /result_limit_test/, how);
    await assertUsable(db);
  }
}

async function sparesOthers(): Promise<void> {
  await using db = open({ maxResultBytes: megabyte });
  const [rows] = await db.query(rowsOf(0.9 * megabyte));
  assert.equal(rows.length, 90);
  const sql = rowsOf(3 * megabyte);
  const [more] = await db.query({ sql, maxResultBytes: Infinity });
  assert.equal(more.length, 300);
  await refused(db.query({ sql, maxResultBytes: 0 }), "OPTION_INVALID");
  {
    await using lease = await db.lease();
    let count = 0;
    for await (const _ of lease.connection.query(sql).stream()) count++;
    assert.equal(count, 300);
  }
  await using unlimited = open();
  assert.equal((await unlimited.query(sql))[0].length, 300);
}

/** Returns by how much memory grows at most while `work` runs. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const now = (): number => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  collectGarbage();
  const before = now();
  let most = before;
  const timer = setInterval(() => most = Math.max(most, now()), 2);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most - before;
}

async function takesLittle(): Promise<void> {
  const rows = rowsOf(100 * megabyte);
  const asks: ((db: Pool<"main">, compressed: Pool<"main">) => Promise<unknown>)[] = [
    (db) => db.query(rows),
    (db) => db.execute(rows),
    (db) => db.query(`SELECT REPEAT('x', ${100 * megabyte}) AS x`),
    (_, compressed) => compressed.query(rows),
  ];
  await using db = open({ maxResultBytes: megabyte });
  await using compressed = open({ maxResultBytes: megabyte, compress: true });
  await using unlimited = open();
  await using unlimitedCompressed = open({ compress: true });
  for (const ask of asks) {
    const all = await growth(() => ask(unlimited, unlimitedCompressed));
    const grown = await growth(() => refused(ask(db, compressed), "RESULT_TOO_LARGE"));
    console.log(ask.toString(), all / 1e6, grown / 1e6);
    assert.ok(all > grownMax, `${ask} takes only ${Math.round(all / megabyte)} MB without a limit`);
    assert.ok(grown < grownMax, `${ask} took ${Math.round(grown / megabyte)} MB`);
  }
  for (const pool of [compressed, unlimited, unlimitedCompressed]) await pool.drain();
  await assertUsable(db);
}

async function limitsDrivers(): Promise<void> {
  await using db = open({ maxResultBytes: megabyte });
  {
    await using lease = await db.lease();
    const error = await failure(lease.connection.promise().query(rowsOf(3 * megabyte)));
    assert.equal(Object(error).code, "RESULT_TOO_LARGE");
  }
  await assertUsable(db);
  await db.drain();
  const pool = compat.createPool({ uri: server.url(), maxResultBytes: megabyte });
  const error = await failure(pool.query(rowsOf(3 * megabyte)));
  assert.equal(Object(error).code, "RESULT_TOO_LARGE");
  assert.equal((await pool.query("SELECT 1") as unknown[]).length, 2);
  await pool.end();
}

async function start(flavor: Flavor): Promise<void> {
  server = await startServer({ flavor, options: ["--max-allowed-packet=256M"] });
}

for (const flavor of ["mariadb", "mysql"] as const) {
  describe(flavor, { skip: lackOf(flavor) ?? false }, () => {
    before(() => start(flavor));
    after(() => server?.remove());

    test("a statement with too large a result is ended, however it was sent", endsEach);

    test("a smaller result, a stream, and a statement without a limit are not ended", sparesOthers);

    test(
      "a result of 100 MB takes less than 20 MB of memory if it is limited, and more if not",
      takesLittle,
    );

    test("a statement of the driver's own connection has the limit too", limitsDrivers);
  });
}
