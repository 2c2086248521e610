/** Large results and parameters: they arrive whole, and take no more memory than necessary. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import process from "node:process";
import { one } from "../../support/asking.ts";
import { until } from "../../support/wait.ts";
import { both, Suite } from "../suite/suite.ts";
import type { World } from "../suite/world.ts";

/** Tests of large results and parameters. */
export const flow: Suite = new Suite();

const mb = 1_000_000;
/** How much the runtime may read ahead of a paused reader, in bytes. */
const aheadMax = mb;

/** How much the sockets between a client and a server that does not read take, in bytes. */
const socketBytesMax = 15 * mb;

/** Rows of 10 kB, each of which contains its number. */
const rowCount = 3_000;
const rowBytes = 10_000;
const rowText = (i: number): string => `${i} `.repeat(rowBytes).slice(0, rowBytes);
const rowsSql = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999)
  SELECT i, LEFT(REPEAT(CONCAT(i, ' '), ${rowBytes}), ${rowBytes}) AS text FROM n`;

/** Returns the statement that allows the server the depth that {@linkcode rowsSql} needs. */
function depthSql({ server }: World): string {
  const name = server.name === "mysql" ? "cte_max_recursion_depth" : "max_recursive_iterations";
  return `SET SESSION ${name} = ${rowCount}`;
}

/** Returns the options for TLS with the server's authority; workerd's configuration has it. */
function tlsOf({ runtime, server }: World, isSecured: boolean): object {
  if (!isSecured) return {};
  return { ssl: runtime === "workerd" ? {} : { ca: server.info.ca } };
}

function assertRow(row: { i?: unknown; text?: unknown } | undefined, i: number): void {
  assert.equal(row?.i, i);
  // A comparison by assert itself would print the whole texts.
  assert.ok(row?.text === rowText(i), `row ${i} is not what was sent`);
}

for (const [isSecured, how] of [[false, ""], [true, ", over TLS"]] as const) {
  flow.test(`a result of 30 MB comes whole${how}`, { on: both }, async (world) => {
    const db = world.pool({ ...tlsOf(world, isSecured), initSql: depthSql(world) });
    const [rows] = await db.query(rowsSql);
    assert.equal(rows.length, rowCount);
    for (const [i, row] of rows.entries()) assertRow(row, i);
  });

  flow.test(`a paused result of 30 MB is read less than 1 MB ahead${how}`, {
    on: both,
  }, async (world) => {
    const { id, uri } = await world.proxy();
    const db = world.pool({ uri, ...tlsOf(world, isSecured), initSql: depthSql(world) });
    const lease = await db.lease();
    const { readByClients: before } = await world.lab.network.traffic(id);
    const rows: Readable = lease.connection.query(rowsSql).stream();
    await once(rows, "readable");
    assertRow(rows.read(), 0);
    const { readByClients, toClient } = await world.lab.network.calmTraffic(id);
    const ahead = readByClients - before;
    assert.ok(ahead > 0 && ahead < aheadMax, `${ahead} bytes were read, ${toClient} sent`);
    let i = 1;
    for await (const row of rows) assertRow(row, i++);
    assert.equal(i, rowCount);
    lease.release();
  });
}

flow.test(
  "a cell of 20 MB, which fills several packets, comes whole",
  { on: both },
  async (world) => {
    const bytes = 20 * mb;
    const [rows] = await world.pool().query("SELECT REPEAT('0123456789', ?) AS text", [bytes / 10]);
    const text = String(rows[0]?.["text"]);
    assert.equal(text.length, bytes);
    assert.ok(text === "0123456789".repeat(bytes / 10), "the cell is not what was sent");
  },
);

/** Returns random bytes of any length, of which hardly any stretch is like another. */
function noise(length: number): Buffer {
  const block = randomBytes(50_000);
  const blocks = Array.from({ length: length / block.length }, (_, i) => {
    block.writeUInt32LE(i);
    return Buffer.from(block);
  });
  return Buffer.concat(blocks);
}

const parameterBytes = 10 * mb;

for (const how of ["query", "execute"] as const) {
  flow.test(`a parameter of 10 MB arrives whole by ${how}`, { on: both }, async (world) => {
    const bytes = noise(parameterBytes);
    const [rows] = await world.pool()[how]("SELECT SHA2(?, 256) AS digest", [bytes]);
    assert.equal(rows[0]?.["digest"], createHash("sha256").update(bytes).digest("hex"));
  });
}

flow.test("a parameter of 10 MB arrives whole, over TLS", { on: both }, async (world) => {
  const bytes = noise(parameterBytes);
  const db = world.pool(tlsOf(world, true));
  const [rows] = await db.execute("SELECT SHA2(?, 256) AS digest", [bytes]);
  assert.equal(rows[0]?.["digest"], createHash("sha256").update(bytes).digest("hex"));
});

flow.test("a parameter of 10 MB that a slow server does not read is in memory once", {
  gaps: { workerd: "workerd does not tell how much memory is used" },
}, async (world) => {
  const { id, uri } = await world.proxy();
  const db = world.pool({ uri });
  const bytes = noise(parameterBytes);
  await one(db, "SELECT 1");
  await world.lab.network.hold(id, "toServer");
  const before = process.memoryUsage.rss();
  const answer = db.execute("SELECT SHA2(?, 256) AS digest", [bytes]);
  await world.lab.network.calmTraffic(id);
  const grown = process.memoryUsage.rss() - before;
  await world.lab.network.release(id, "toServer");
  const digest = createHash("sha256").update(bytes).digest("hex");
  assert.equal((await answer)[0][0]?.["digest"], digest);
  assert.ok(grown < 3 * parameterBytes, `memory has grown by ${grown} bytes`);
});

for (const [isSecured, how] of [[false, ""], [true, ", over TLS"]] as const) {
  // A MySQL server takes no files unless its options allow it.
  flow.test(`the driver reads a file to load no faster than a slow server takes it${how}`, {
    on: ["mariadb"],
  }, async (world) => {
    await world.server.table("loaded", "v INT, text TEXT");
    const { id, uri } = await world.proxy();
    let readCount = 0;
    async function* file(): AsyncGenerator<Buffer> {
      await world.lab.network.hold(id, "toServer");
      for (; readCount < rowCount; readCount++) {
        yield Buffer.from(`${readCount}\t${rowText(readCount)}\n`);
      }
    }
    const infileStreamFactory = (): Readable => Readable.from(file(), { objectMode: false });
    const db = world.pool({ uri, ...tlsOf(world, isSecured), infileStreamFactory });
    const loaded = db.query("LOAD DATA LOCAL INFILE 'rows' INTO TABLE loaded");
    await until(() => readCount > 0, "the file is read");
    await world.lab.network.calmTraffic(id);
    const readBytes = readCount * rowBytes;
    await world.lab.network.release(id, "toServer");
    await loaded;
    assert.ok(readBytes < socketBytesMax, `${readBytes} bytes of the file were read`);
    const [row] = await world.server.query(
      `SELECT COUNT(*) AS count, SUM(v) AS sum, SUM(LENGTH(text)) AS bytes FROM test.loaded`,
    );
    const sum = String(rowCount * (rowCount - 1) / 2);
    assert.deepEqual(row, { count: rowCount, sum, bytes: String(rowCount * rowBytes) });
  });
}

flow.test("the driver reads a result that comes in small pieces", { on: both }, async (world) => {
  const { uri } = await world.proxy({ pieceBytes: 7 });
  const db = world.pool({ uri, initSql: depthSql(world) });
  const [rows] = await db.query(rowsSql.replace("2999", "9"));
  for (const [i, row] of rows.entries()) assertRow(row, i);
});

flow.test(
  "a compressed connection carries large data both ways",
  { on: both },
  async (world) => {
    const { id, uri } = await world.proxy();
    const db = world.pool({ uri, compress: true, initSql: depthSql(world) });
    const [rows] = await db.query(rowsSql);
    for (const [i, row] of rows.entries()) assertRow(row, i);
    const bytes = noise(mb);
    const [digests] = await db.execute("SELECT SHA2(?, 256) AS digest", [bytes]);
    assert.equal(digests[0]?.["digest"], createHash("sha256").update(bytes).digest("hex"));
    const { toClient } = await world.lab.network.traffic(id);
    assert.ok(toClient < 10 * mb, `the server sent ${toClient} bytes, so did not compress`);
  },
);

flow.test(
  "each of a thousand concurrent statements gets its own answer",
  { on: both },
  async (world) => {
    const db = world.pool({ connectionLimit: 4 });
    const numbers = Array.from({ length: 1_000 }, (_, i) => i);
    assert.deepEqual(await Promise.all(numbers.map((i) => one(db, "SELECT ? + 0", [i]))), numbers);
  },
);

flow.test("a result whose reader stops midway is not read to its end", {}, async (world) => {
  const { id, uri } = await world.proxy();
  const db = world.pool({ uri, initSql: depthSql(world), connectionLimit: 1 });
  const lease = await db.lease();
  const rows: Readable = lease.connection.query(rowsSql).stream();
  await once(rows, "readable");
  lease.release();
  rows.destroy();
  assert.equal(await one(db, "SELECT 7"), 7);
  const { opened } = await world.lab.network.traffic(id);
  // If the runtime can, one more connection had the server end the statement.
  assert.ok(opened === 2 || opened === 3, `${opened} were opened`);
  await until(() => db.stats().size === 1, "the connection that was busy is closed");
});
