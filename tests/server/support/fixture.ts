/** Pools on a real server, and helpers that look at them from the pool and from the server. */

import { after, afterEach, before } from "node:test";
import { createPool, type Pool, type PoolOptions } from "../../../mod.ts";
import { type Server, startServer } from "../../support/server.ts";
import type { Flavor } from "../../support/server_binary.ts";
import { until } from "../../support/wait.ts";

export * from "../../support/asking.ts";

/** Starts a server and runs statements of root in its database `test`. */
export async function prepareServer(
  statements: readonly string[] = [],
  options: readonly string[] = [],
  flavor?: Flavor,
): Promise<Server> {
  const server = await startServer(flavor === undefined ? { options } : { options, flavor });
  await server.query("USE test");
  for (const sql of statements) await server.query(sql);
  return server;
}

/**
 * Starts a server for all tests of a file and gives it to `use`. After each test, it runs `tidy`,
 * waits until all pools have closed their connections, and empties the tables.
 */
export function serverOfFile(
  use: (server: Server) => void,
  { statements, tables, tidy }: {
    readonly statements: readonly string[];
    readonly tables: readonly string[];
    readonly tidy?: (server: Server) => Promise<unknown>;
  },
): void {
  let server: Server | undefined;
  before(async () => use(server = await prepareServer(statements)));
  afterEach(async () => {
    if (server === undefined) return;
    await tidy?.(server);
    await connected(server, 0);
    for (const table of tables) await server.query(`DELETE FROM test.${table}`);
  });
  after(async () => await server?.remove());
}

/** Creates a pool on a server, for one test. */
export function poolAt<const Name extends string = "main">(
  server: Server,
  options: PoolOptions<Name> = {},
): Pool<Name> {
  return createPool<Name>({ uri: server.url(), shared: false, ...options });
}

/** Returns the numbers in a column of a table in the database `test`, as root sees them. */
export async function valuesIn(server: Server, table: string): Promise<number[]> {
  const rows = await server.query<{ v: number }>(`SELECT v FROM test.${table} ORDER BY v`);
  return rows.map(({ v }) => v);
}

/** Returns the thread ids of the pools' connections at the server. */
export async function threadsOf(server: Server): Promise<number[]> {
  const rows = await server.query<{ id: number }>(
    "SELECT id FROM information_schema.processlist WHERE user = 'app' ORDER BY id",
  );
  return rows.map(({ id }) => Number(id));
}

/** Returns the thread ids of the pools' connections in which the server runs a statement. */
export async function busyThreads(server: Server): Promise<number[]> {
  const rows = await server.query<{ id: number }>(
    "SELECT id FROM information_schema.processlist " +
      "WHERE user = 'app' AND command IN ('Query', 'Execute') AND info IS NOT NULL",
  );
  return rows.map(({ id }) => Number(id));
}

/** Waits until the server runs a statement of a pool, and returns that connection's thread id. */
export async function busyThread(server: Server): Promise<number> {
  return await until(async () => (await busyThreads(server))[0], "the server is at it");
}

/** Waits until the server has `count` connections of pools. */
export async function connected(server: Server, count: number): Promise<void> {
  await until(
    async () => await server.connectionCount() === count,
    `the server has ${count} connections of pools`,
  );
}
