/** On a real server: the callback pool: its results, and when and in what context it calls back. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { after, before, test } from "node:test";
import type { Pool, ResultSetHeader } from "mysql2";
import { type Server, startServer } from "../support/server.ts";
import { asked, ended, poolAt, taken } from "./support/fixture.ts";

let server: Server;
let pool: Pool;

before(async () => {
  server = await startServer();
  await server.query("CREATE TABLE test.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20))");
  await server.query("INSERT INTO test.t (v) VALUES ('a'), ('b'), ('c')");
  pool = poolAt(server, { connectionLimit: 2 });
});

after(async () => {
  if (pool !== undefined) await ended(pool);
  await server?.remove();
});

test("query takes text, values or options, and calls its callback with the rows", async () => {
  const sql = "SELECT v FROM t WHERE id = ?";
  assert.deepEqual(await asked((done) => pool.query("SELECT v FROM t LIMIT 1", done)), [{
    v: "a",
  }]);
  assert.deepEqual(await asked((done) => pool.query(sql, [2], done)), [{ v: "b" }]);
  assert.deepEqual(await asked((done) => pool.query({ sql, values: [3] }, done)), [{ v: "c" }]);
  assert.deepEqual(await asked((done) => pool.query({ sql }, [3], done)), [{ v: "c" }]);
  const rows = await asked((done) => pool.query({ sql, rowsAsArray: true }, [1], done));
  assert.deepEqual(rows, [["a"]]);
});

test("execute prepares its statement, and takes the same arguments as query", async () => {
  const sql = "SELECT v FROM t WHERE id = ?";
  assert.deepEqual(await asked((done) => pool.execute("SELECT 1 AS n", done)), [{ n: 1 }]);
  assert.deepEqual(await asked((done) => pool.execute(sql, [2], done)), [{ v: "b" }]);
  assert.deepEqual(await asked((done) => pool.execute({ sql, values: [3] }, done)), [{ v: "c" }]);
});

test("the pool passes on the driver's own headers, fields and errors", async () => {
  const header = await asked<ResultSetHeader>((done) => {
    pool.query("INSERT INTO t (v) VALUES ('d')", done);
  });
  assert.equal(header.constructor.name, "ResultSetHeader");
  assert.equal(header.affectedRows, 1);
  const names = await new Promise((resolve) => {
    pool.query("SELECT id, v FROM t", (_error, _rows, fields) => {
      resolve(fields.map(({ name }) => name));
    });
  });
  assert.deepEqual(names, ["id", "v"]);
  for (const method of ["query", "execute"] as const) {
    await assert.rejects(
      asked((done) => pool[method]("SELECT nothing FROM t", done)),
      { code: "ER_BAD_FIELD_ERROR", errno: 1054, sqlState: "42S22", sql: "SELECT nothing FROM t" },
    );
  }
});

test("a statement that the driver cannot send fails, and the pool keeps serving", async () => {
  const own = poolAt(server, { connectionLimit: 1, namedPlaceholders: true });
  await assert.rejects(
    asked((done) => own.execute("SELECT ?", [undefined] as never, done)),
    TypeError,
  );
  await assert.rejects(asked((done) => own.query("SELECT :a", done)), /placeholders/);
  const [failed] = await once(own.query("SELECT :a"), "error");
  assert.match(String(failed), /placeholders/);
  assert.deepEqual(await asked((done) => own.execute("SELECT :a AS a", { a: 1 }, done)), [{
    a: 1,
  }]);
  await ended(own);
});

test("query returns the driver's command at once, which emits fields and rows", async () => {
  const command = pool.query("SELECT id FROM t ORDER BY id LIMIT 2");
  assert.equal(command.constructor.name, "Query");
  const told: unknown[] = [];
  command.on("fields", (fields) => told.push(fields.length));
  command.on("result", (row) => told.push({ ...row }));
  await once(command, "end");
  assert.deepEqual(told, [1, { id: 1 }, { id: 2 }]);
  const failing = pool.query("SELECT nothing");
  const [error] = await once(failing, "error");
  assert.equal(error.errno, 1054);
});

test("a result stream yields all rows, fails with its statement, can be left early", async () => {
  const seen: unknown[] = [];
  const sql = "SELECT a.id FROM t a, t b, t c";
  for await (const row of pool.query(sql).stream({ highWaterMark: 1 })) seen.push(row);
  assert.equal(seen.length, 64);
  const failing = pool.query("SELECT nothing FROM t").stream().resume();
  const [error] = await once(failing, "error");
  assert.equal(error.errno, 1054);
  const own = poolAt(server, { connectionLimit: 1 });
  for await (const _row of own.query(sql).stream({ highWaterMark: 1 })) break;
  assert.deepEqual(await asked((done) => own.query("SELECT 1 AS n", done)), [{ n: 1 }]);
  await ended(own);
});

test("the pool's format and escape return what a connection's do", async () => {
  const connection = await taken(pool);
  const date = new Date(2026, 1, 3);
  assert.equal(pool.format("?? = ?", ["a.b", date]), connection.format("?? = ?", ["a.b", date]));
  assert.equal(pool.escape("it's"), connection.escape("it's"));
  assert.equal(pool.escapeId(["a", "b"]), connection.escapeId(["a", "b"]));
  connection.release();
});

test("callbacks run in the async context of their caller, on a busy pool too", async () => {
  const storage = new AsyncLocalStorage<number>();
  const own = poolAt(server, { connectionLimit: 1 });
  const here = (number: number): Promise<unknown[]> =>
    storage.run(number, () =>
      Promise.all([
        new Promise((resolve) => {
          own.getConnection((_error, connection) => {
            const first = storage.getStore();
            connection.query("SELECT 1", () => {
              const second = storage.getStore();
              connection.release();
              resolve([first, second]);
            });
          });
        }),
        new Promise((resolve) => own.query("SELECT 1", () => resolve(storage.getStore()))),
        new Promise((resolve) => own.execute("SELECT nope", () => resolve(storage.getStore()))),
        new Promise((resolve) => {
          own.query("SELECT 1").on("result", () => resolve(storage.getStore()));
        }),
      ]));
  const expected = (number: number): unknown[] => [[number, number], number, number, number];
  assert.deepEqual(await Promise.all([1, 2, 3].map(here)), [1, 2, 3].map(expected));
  await ended(own);
  assert.equal(storage.getStore(), undefined);
});

test("the pool calls no callback before the method that received it has returned", async () => {
  const own = poolAt(server, { connectionLimit: 1, waitForConnections: false });
  const held = await taken(own);
  const queued = poolAt(server, { connectionLimit: 1, queueLimit: 1 });
  const first = await taken(queued);
  const second = taken(queued);
  const asks = [
    (done: () => void) => own.getConnection(done),
    (done: () => void) => own.query("SELECT 1", done),
    (done: () => void) => own.execute("SELECT 1", done),
    (done: () => void) => queued.getConnection(done),
    (done: () => void) => queued.query("SELECT 1", done),
    (done: () => void) => queued.execute("SELECT 1", done),
    (done: () => void) => held.end(done),
    (done: () => void) => own.end(done),
    (done: () => void) => own.getConnection(done),
  ];
  for (const ask of asks) {
    await new Promise<void>((resolve) => {
      let hasReturned = false;
      ask(() => {
        assert.equal(hasReturned, true);
        resolve();
      });
      hasReturned = true;
    });
  }
  first.release();
  (await second).release();
  await ended(queued);
});

test("a failed statement without listeners throws no exception, as with mysql2", async () => {
  const own = poolAt(server, { connectionLimit: 1 });
  own.query("SELECT nope");
  assert.deepEqual(await asked((done) => own.query("SELECT 1 AS n", done)), [{ n: 1 }]);
  await ended(own);
});
