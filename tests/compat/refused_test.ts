/** On both flavors of server: the errors of refused logins, and of waits for a full server. */

import assert from "node:assert/strict";
import mysql2, { type Connection, type Pool, type QueryError } from "mysql2";
import mysql from "../../src/entries/compat.ts";
import { onBoth, serversOf } from "../support/both.ts";
import type { Server } from "../support/server.ts";
import { ended, poolAt, taken } from "./support/fixture.ts";

const both = onBoth(serversOf([]), (server) => server.query("SET GLOBAL max_connections = 100"));

/** Returns the error of the only request to a pool. */
async function errorOf(pool: Pool): Promise<QueryError> {
  const error = await taken(pool).then(() => new Error("It was served"), (reason) => reason);
  await ended(pool);
  return error;
}

/** Returns what code reads of an error. */
function partsOf({ code, errno, sqlState, message }: QueryError): unknown {
  return { code, errno, sqlState, message };
}

/** Opens connections until the server is full, and returns them. */
async function filled(server: Server): Promise<Connection[]> {
  await server.query("SET GLOBAL max_connections = 10");
  const connections: Connection[] = [];
  for (;;) {
    const connection = mysql2.createConnection({ uri: server.url() });
    connection.on("error", () => undefined);
    const error = await new Promise<QueryError | null>((resolve) => connection.connect(resolve));
    if (error?.errno === 1040) return connections;
    assert.equal(error, null);
    connections.push(connection);
  }
}

both("a refused login gives the driver's error, marked as fatal", async (server) => {
  for (const options of [{ password: "wrong" }, { database: "nowhere" }]) {
    const [theirs, ours] = [
      await errorOf(mysql2.createPool({ uri: server.url(), ...options })),
      await errorOf(mysql.createPool({ uri: server.url(), ...options })),
    ];
    assert.deepEqual(partsOf(ours), partsOf(theirs));
    assert.equal(ours.fatal, true);
  }
});

both("a request that waits for a full server in vain gets errno 1040", async (server) => {
  const filling = await filled(server);
  const theirs = await errorOf(mysql2.createPool({ uri: server.url() }));
  const ours = await errorOf(poolAt(server, { acquireTimeout: 200 }));
  for (const connection of filling) connection.destroy();
  assert.equal(theirs.errno, 1040);
  assert.deepEqual([ours.code, ours.errno, ours.sqlState], [
    "LEASE_TIMEOUT",
    1040,
    theirs.sqlState,
  ]);
});
