/** The pool before a server that is no database: one of `mysql2.createServer`, as tests have. */

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import mysql2, { type Pool, type PoolOptions } from "mysql2";
import mysql from "../../src/entries/compat.ts";
import { asked, ended, taken } from "./support/fixture.ts";

/** The members of the driver's server and of its connections that its types lack. */
interface Fake {
  readonly _server: { address(): AddressInfo; close(): void } & NodeJS.EventEmitter;
  listen(port: number): void;
}

interface FakeConnection {
  sequenceId: number;
  on(name: string, listener: (...args: never[]) => void): void;
  serverHandshake(args: object): void;
  writeOk(): void;
  writeTextResult(rows: object[], columns: object[]): void;
}

const column = { catalog: "def", schema: "", table: "", orgTable: "", name: "n", orgName: "" };
const integer = { characterSet: 63, columnLength: 1, columnType: 3, flags: 0, decimals: 0 };

/** The capability flags of such servers: none, or all that mysql2's examples set. */
const greetings: Readonly<Record<string, number>> = {
  "no flags": 0,
  "all flags of mysql2's examples": 0xffffff,
  "all of these except compression": 0xffffff & ~0x20,
};

/**
 * Starts a server that answers each statement with one row, and records the statements. Like other
 * such servers, it answers neither a SET nor a reset nor a new login.
 */
async function startFake(capabilityFlags: number): Promise<{
  readonly port: number;
  readonly statements: readonly string[];
  close(): void;
}> {
  const statements: string[] = [];
  const serve = (connection: FakeConnection): void => {
    connection.on("error", () => undefined);
    const greeting = { protocolVersion: 10, serverVersion: "node.js", connectionId: 1 };
    connection.serverHandshake({ ...greeting, statusFlags: 2, characterSet: 8, capabilityFlags });
    connection.on("query", (sql: string) => {
      statements.push(sql);
      connection.sequenceId = 1;
      if (!sql.startsWith("SELECT")) return connection.writeOk();
      connection.writeTextResult([{ n: 1 }], [{ ...column, ...integer }]);
    });
  };
  const fake = mysql2.createServer(serve as never) as unknown as Fake;
  fake.listen(0);
  await once(fake._server, "listening");
  return { port: fake._server.address().port, statements, close: () => fake._server.close() };
}

/** Asks a pool and a connection that it lends, one after another; returns the rows. */
async function visit(pool: Pool): Promise<unknown[]> {
  const answers = [
    await asked((done) => pool.query("SELECT 1 AS n", done)),
    await asked((done) => pool.query("SELECT n FROM users WHERE id = ?", [7], done)),
  ];
  await asked((done) => pool.query("INSERT INTO users VALUES (7)", done));
  const connection = await taken(pool);
  await asked((done) => connection.beginTransaction(done));
  answers.push(await asked((done) => connection.query("SELECT n FROM users", done)));
  await asked((done) => connection.commit(done));
  connection.release();
  return [...answers, await asked((done) => pool.query("SELECT 2 AS n", done))];
}

for (const [name, flags] of Object.entries(greetings)) {
  test(`a server of mysql2.createServer sees mysql2's statements alone: ${name}`, async () => {
    const outcomes: unknown[] = [];
    for (const { createPool } of [mysql2, mysql as unknown as typeof mysql2]) {
      const fake = await startFake(flags);
      const options = { host: "127.0.0.1", port: fake.port, user: "app", connectionLimit: 1 };
      const pool = createPool({ ...options, acquireTimeout: 2_000 } as PoolOptions);
      outcomes.push([JSON.stringify(await visit(pool)), fake.statements]);
      await ended(pool);
      fake.close();
    }
    assert.deepEqual(outcomes[1], outcomes[0]);
  });
}

test("at a server of mysql2.createServer, each lease opens a connection of its own", async () => {
  const fake = await startFake(0xffffff);
  const pool = mysql.createPool({ host: "127.0.0.1", port: fake.port, user: "app" });
  const lent = new Set<unknown>();
  pool.on("acquire", (connection) => lent.add(connection));
  await visit(pool);
  assert.equal(lent.size, 5);
  await ended(pool);
  fake.close();
});
