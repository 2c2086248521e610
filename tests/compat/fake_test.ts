/** The pool before a server that is no database: one of `mysql2.createServer`, as tests have. */

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import mysql2 from "mysql2";
import mysql from "../../src/entries/compat.ts";
import { asked, ended } from "./support/fixture.ts";

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

/** Starts a server that answers each statement with one row, and records the statements. */
async function startFake(): Promise<{ port: number; statements: string[]; close(): void }> {
  const statements: string[] = [];
  const serve = (connection: FakeConnection): void => {
    connection.on("error", () => undefined);
    const greeting = { protocolVersion: 10, serverVersion: "8.0.0", connectionId: 1 };
    // All that it can do, except session tracking.
    const capabilityFlags = 0xffffff & ~0x80_00_00;
    connection.serverHandshake({ ...greeting, statusFlags: 2, characterSet: 8, capabilityFlags });
    connection.on("query", (sql: string) => {
      statements.push(sql);
      connection.sequenceId = 1;
      connection.writeTextResult([{ n: 1 }], [{ ...column, ...integer }]);
    });
    connection.on("packet", (_packet: unknown, isKnown: boolean) => {
      if (isKnown) return;
      connection.sequenceId = 1;
      connection.writeOk();
    });
  };
  const fake = mysql2.createServer(serve as never) as unknown as Fake;
  fake.listen(0);
  await once(fake._server, "listening");
  return { port: fake._server.address().port, statements, close: () => fake._server.close() };
}

test("at login, a pool sends no statement of its own to a server without session tracking", async () => {
  const outcomes: unknown[] = [];
  for (const { createPool } of [mysql2, mysql as unknown as typeof mysql2]) {
    const fake = await startFake();
    const pool = createPool({ host: "127.0.0.1", port: fake.port, user: "app" });
    const rows = await asked((done) => pool.query("SELECT 1 AS n", done));
    await ended(pool);
    fake.close();
    outcomes.push([JSON.stringify(rows), fake.statements]);
  }
  assert.deepEqual(outcomes[1], outcomes[0]);
});
