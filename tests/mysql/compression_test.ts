/**
 * Statements and results of every length, compressed or not: more than 16 MB takes several packets,
 * whose numbers a server counts in its own way if packets are compressed.
 */

import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createPool, type Pool } from "../../mod.ts";
import { failure, one } from "../support/asking.ts";
import { type Server, startServer } from "../support/server.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import {
  column,
  type Conduct,
  deflatedFrame,
  frame,
  ok,
  packet,
  startHostile,
} from "./hostile_server.ts";

const megabyte = 1 << 20;
/** One packet takes 16 MB less one byte. */
const lengths: readonly number[] = [16 * megabyte, 17 * megabyte, 33 * megabyte];
const random: Buffer = randomFillSync(Buffer.alloc(17 * megabyte));

let server: Server;
let db: Pool<"main">;

function open(compress: boolean): void {
  const own = { connectionLimit: 1, multipleStatements: true, shared: false };
  db = createPool({ uri: server.url(), compress, ...own });
}

async function sendsAll(): Promise<void> {
  for (const length of lengths) {
    const text = "x".repeat(length);
    assert.equal(await one(db, `SELECT LENGTH('${text}')`), length);
    const [[row]] = await db.execute("SELECT LENGTH(?) AS n", [text]);
    assert.equal(row?.["n"], length);
  }
}

async function writesOnce(): Promise<void> {
  await db.query("DROP TABLE IF EXISTS blobs; CREATE TABLE blobs (data LONGBLOB)");
  await db.unit(() => db.execute("INSERT INTO blobs VALUES (?)", [random]), { retries: 2 });
  assert.equal(await one(db, "SELECT COUNT(*) FROM blobs"), 1);
}

async function receivesAll(): Promise<void> {
  for (const length of lengths) {
    const sql = `SELECT REPEAT('x', ${length}) AS x UNION ALL SELECT 'y'`;
    for (const [rows] of [await db.query(sql), await db.execute(sql)]) {
      assert.deepEqual(rows.map(({ x }) => String(x).length), [length, 1]);
    }
  }
}

async function receivesIncompressible(): Promise<void> {
  const sql = "SELECT data, REPEAT('x', 999) AS x FROM blobs UNION ALL SELECT 'y', 'y'";
  const [rows] = await db.query<{ data: Buffer; x: string }[]>(sql);
  assert.ok(rows[0]?.data.equals(random));
  assert.deepEqual(rows.map(({ x }) => x.length), [999, 1]);
}

async function receivesSeveral(): Promise<void> {
  const many = Array.from({ length: 300 }, (_, n) => `SELECT ${n} AS n`).join(" UNION ALL ");
  const [answers] = await db.query<{ n: number }[][]>(`${many}; SELECT 7 AS n; ${many}`);
  assert.deepEqual(answers.map(({ length }) => length), [300, 1, 300]);
}

async function readsSlowly(): Promise<void> {
  await using lease = await db.lease();
  const long = `SELECT REPEAT('x', ${17 * megabyte}) AS x`;
  const sql = `SELECT 'y' AS x UNION ALL ${long} UNION ALL ${long} UNION ALL SELECT 'y'; SELECT 1`;
  const found: number[] = [];
  for await (const row of lease.connection.query(sql).stream({ highWaterMark: 1 })) {
    found.push(Object(row).x?.length);
    await setTimeout(20);
  }
  assert.deepEqual(found, [1, 17 * megabyte, 17 * megabyte, 1, undefined]);
}

for (const flavor of ["mariadb", "mysql"] as const) {
  describe(flavor, { skip: lackOf(flavor) ?? false }, () => {
    before(async () => {
      server = await startServer({ flavor, options: ["--max-allowed-packet=64M"] });
    });
    after(() => server?.remove());

    for (const compress of [false, true]) {
      describe(compress ? "packets are compressed" : "packets are not compressed", () => {
        before(() => open(compress));
        after(() => db?.drain());

        test("a statement of more than 16 MB gets its answer", sendsAll);

        test("a row of more than 16 MB is written once", writesOnce);

        test("an incompressible row arrives whole", receivesIncompressible);

        test("a row of more than 16 MB arrives whole", receivesAll);

        test("several results of one text arrive in their order", receivesSeveral);

        test("a slowly read stream gets every row", readsSlowly);
      });
    }
  });
}

test("with compression an answer with a wrong number is an error", async () => {
  const conducts: Readonly<Record<string, Conduct>> = {
    right: (socket) => void socket.write(frame(1, packet(1, ok))),
    wrong: (socket) => void socket.write(frame(1, packet(77, ok))),
  };
  for (const [name, answers] of Object.entries(conducts)) {
    await using hostile = await startHostile("secret", { isCompressed: true, answers });
    await using pool = createPool({ uri: hostile.uri, compress: true, shared: false });
    const asked = pool.query("SELECT 1");
    if (name === "right") await asked;
    else assert.match(String(await failure(asked)), /out of order/);
  }
});

const soon = { timeout: 10_000 };

test("a long row that arrives while its reader pauses is read after the pause", soon, async () => {
  const length = 17 * megabyte;
  const head = Buffer.from([0xfe, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUIntLE(length, 1, 6);
  const row = Buffer.concat([head, Buffer.alloc(length, "x")]);
  const end = Buffer.from([0xfe, 0, 0, 2, 0]);
  const [first, rest] = [row.subarray(0, 0xffffff), row.subarray(0xffffff)];
  const sent = [
    Buffer.from([1]),
    column(2).subarray(4),
    end,
    Buffer.from("\x01y"),
    first,
    rest,
    end,
  ];
  const content = Buffer.concat(sent.map((payload, index) => packet(index + 1, payload)));
  const half = content.length / 2;
  const answers: Conduct = (socket) => {
    const halves = [content.subarray(0, half), content.subarray(half)];
    socket.write(Buffer.concat(halves.map((each, index) => deflatedFrame(index + 1, each))));
  };
  await using hostile = await startHostile("secret", { isCompressed: true, answers });
  await using pool = createPool({ uri: hostile.uri, compress: true, shared: false });
  await using lease = await pool.lease();
  const { connection } = lease;
  const held: { readonly length: number } = Object(connection)._paused_packets;
  const found: number[] = [];
  const query = connection.query("SELECT x");
  query.on("result", (row) => {
    if (found.push(Object(row).x.length) === 1) connection.pause();
  });
  await until(() => held.length === 2, "two packets are held back");
  const ended = once(query, "end");
  connection.resume();
  await ended;
  assert.deepEqual(found, [1, length]);
});
