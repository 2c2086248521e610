/** On a real server: each option of mysql2's connections reaches the connections of a pool. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import mysql2, { type PoolOptions } from "mysql2";
import mysql from "../../src/entries/compat.ts";
import { type Server, startServer } from "../support/server.ts";
import { ended, taken } from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await startServer();
});

after(async () => await server?.remove());

/** Options that Sublet applies itself: sockets, their timeouts and TLS, and passwords. */
const own = [
  ["connectTimeout", "enableKeepAlive", "keepAliveInitialDelay", "ssl", "stream"],
  ["idleTimeout", "password", "password2", "password3", "passwordSha1", "pool"],
].flat();

/** Returns the `config` of a connection that a pool lends, without the options in `own`. */
async function configOf(
  { createPool }: Pick<typeof mysql2, "createPool">,
  options: PoolOptions,
): Promise<Record<string, unknown>> {
  const pool = createPool({ uri: server.url(), ...options });
  const connection = await taken(pool);
  const config: Record<string, unknown> = { ...connection.config };
  connection.release();
  await ended(pool);
  for (const name of own) delete config[name];
  return config;
}

const cases: Readonly<Record<string, PoolOptions>> = {
  "none but where": {},
  "numbers, dates and texts": {
    bigNumberStrings: true,
    dateStrings: ["DATE"],
    decimalNumbers: true,
    jsonStrings: true,
    stringifyObjects: true,
    supportBigNumbers: true,
    timezone: "+02:00",
    typeCast: (_field, next) => next(),
  },
  "statements and rows": {
    maxPreparedStatements: 5,
    multipleStatements: true,
    namedPlaceholders: true,
    nestTables: "_",
    queryFormat: (sql) => sql,
    rowsAsArray: true,
    trace: false,
    disableEval: true,
  },
  "the login": {
    charset: "LATIN1_SWEDISH_CI",
    compress: true,
    connectAttributes: { program: "shop" },
    enableCleartextPlugin: true,
    flags: ["-FOUND_ROWS"],
    gracefulEnd: true,
    insecureAuth: true,
  },
  "other forms of the same": {
    charsetNumber: 8,
    dateStrings: true,
    flags: "FOUND_ROWS,-COMPRESS" as never,
    timezone: "Z",
    typeCast: false,
  },
};

for (const [name, options] of Object.entries(cases)) {
  test(`a pool's connection has the options that mysql2's has: ${name}`, async () => {
    const ours = await configOf(mysql as unknown as typeof mysql2, options);
    assert.deepEqual(ours, await configOf(mysql2, options));
    assert.ok(Object.keys(ours).length > 30);
  });
}

test("a URI that is not set means this machine to mysql2, and is an error here", async () => {
  const unset = { uri: undefined, user: "app" } as unknown as PoolOptions;
  const pool = mysql2.createPool(unset);
  const { connectionConfig } = pool.config as unknown as { connectionConfig: { host: string } };
  assert.equal(connectionConfig.host, "localhost");
  await ended(pool);
  assert.throws(() => mysql.createPool(unset), /environment variable, such as DATABASE_URL/);
});
