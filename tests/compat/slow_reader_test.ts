/** Streams whose reader is slow or has stopped, on a connection that is released meanwhile. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import type { PoolConnection } from "mysql2";
import { type Server, startServer } from "../support/server.ts";
import { ended, one, poolAt, promisesAt, taken } from "./support/fixture.ts";

/** More rows than a stream reads ahead. */
const sql = `WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < 1000)
  SELECT id FROM n`;

let server: Server;

before(async () => {
  server = await startServer();
});

after(async () => await server?.remove());

test("the pool lends a connection again that was released amid an abandoned stream", async () => {
  const pool = promisesAt(server, { connectionLimit: 1 });
  for (let time = 0; time < 3; time++) {
    const connection = await pool.getConnection();
    const inner = connection.connection as unknown as PoolConnection;
    await once(inner.query(sql).stream({ highWaterMark: 1 }), "readable");
    connection.release();
    assert.equal(await one(pool, "SELECT 7"), 7);
  }
  await pool.end();
});

test("a slow reader gets the whole stream though its connection was released", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const connection = await taken(pool);
  const stream = connection.query(sql).stream({ highWaterMark: 1 });
  await once(stream, "readable");
  connection.release();
  const next = await taken(pool);
  next.release();
  const ids: number[] = [];
  for await (const { id } of stream) ids.push(id);
  assert.deepEqual(ids, Array.from({ length: 1000 }, (_, i) => i + 1));
  await ended(pool);
});

test("with gracefulEnd, end closes a connection amid an abandoned stream", async () => {
  const pool = poolAt(server, { connectionLimit: 1, gracefulEnd: true });
  const connection = await taken(pool);
  const { threadId } = connection;
  await once(connection.query(sql).stream({ highWaterMark: 1 }), "readable");
  connection.end();
  const next = await taken(pool);
  assert.notEqual(next.threadId, threadId);
  next.release();
  await ended(pool);
});
