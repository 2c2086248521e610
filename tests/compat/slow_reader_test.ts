/** Streams that are read slowly, or no more, on a connection that was given back amid them. */

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

test("a connection that is given back amid a stream that nobody reads on is lent again", async () => {
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

test("who reads a stream slowly gets all of it, its connection given back or not", async () => {
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

test("with gracefulEnd, a connection that is ended amid a stream that nobody reads on ends", async () => {
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
