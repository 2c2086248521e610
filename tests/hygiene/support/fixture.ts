/** Shared by the hygiene tests: a server of each flavor, and a pool of one connection to it. */

import { test } from "node:test";
import { createPool, type Pool, type PoolOptions } from "../../../mod.ts";
import type { Asked } from "../../support/asking.ts";
import { type Proxy, startProxy } from "../../support/proxy.ts";
import { type Server, startServer } from "../../support/server.ts";
import { type Flavor, lackOf } from "../../support/server_binary.ts";
import { logGrants, prepared } from "../rows.ts";

/** A server, and a pool of one connection that reaches it through a proxy. */
export interface Place extends AsyncDisposable {
  /** The server's flavor. */
  readonly flavor: Flavor;
  /** The server. */
  readonly server: Server;
  /** The proxy that counts the pool's round trips. */
  readonly proxy: Proxy;
  /** The pool. */
  readonly db: Pool<"main">;
}

const servers: Map<Flavor, Promise<Server>> = new Map();

/** Declares a test on both flavors of server; each server starts once. */
export function testOnBoth(
  name: string,
  fn: (place: Place) => Promise<void>,
  options: PoolOptions = {},
): void {
  for (const flavor of ["mariadb", "mysql"] as const) {
    test(`${flavor}: ${name}`, { skip: lackOf(flavor) ?? false }, async () => {
      await using place = await placeAt(flavor, options);
      await fn(place);
    });
  }
}

/** Returns a server of a flavor, prepared for all rows. */
export async function serverOf(flavor: Flavor): Promise<Server> {
  const known = servers.get(flavor);
  if (known !== undefined) return await known;
  const starting = prepare(flavor);
  servers.set(flavor, starting);
  return await starting;
}

/** Removes all servers. */
export async function removeServers(): Promise<void> {
  for (const server of servers.values()) await (await server).remove();
}

/** Returns the last column of the first row, the number of written rows, or an error's number. */
export async function answerTo(asked: Asked, sql: string): Promise<unknown> {
  try {
    const [result] = await asked.query(sql);
    if (!Array.isArray(result)) return Object(result).affectedRows;
    return Object.values(result[0] ?? {}).at(-1);
  } catch (error) {
    return (error as { errno?: unknown }).errno ?? error;
  }
}

async function prepare(flavor: Flavor): Promise<Server> {
  const server = await startServer({ flavor });
  await server.query("USE test");
  for (const sql of [...prepared, logGrants[flavor]]) await server.query(sql);
  return server;
}

async function placeAt(flavor: Flavor, options: PoolOptions): Promise<Place> {
  const server = await serverOf(flavor);
  const proxy = await startProxy(server);
  const db = createPool({
    uri: proxy.uri,
    shared: false,
    connectionLimit: 1,
    validateAfter: 60_000,
    ...options,
  });
  return {
    flavor,
    server,
    proxy,
    db,
    async [Symbol.asyncDispose]() {
      await db.drain();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
