/**
 * What statements are run through: this pool and its peers, each set up and used as its own
 * documentation says, on the same server with the same limit.
 */

import mariadb from "mariadb";
import mysql from "mysql2/promise";
import serverlessMysql from "serverless-mysql";
import { createPool } from "../../../mod.ts";
import type { BenchRuntime } from "../measurement.ts";
import { bunClient } from "./bun_client.ts";
import type { Client, ClientSetting, MakeClient } from "./client.ts";

/** The point select that everybody runs. */
export const pointSelect = "SELECT id, name, price FROM test.item WHERE id = ?";
/** A statement that takes the server 2 ms. */
export const nap = "SELECT SLEEP(0.002)";

/** This pool. */
export function subletClient({ uri, limit, minimum = 0 }: ClientSetting): Client {
  const pool = createPool({ uri, connectionLimit: limit, minimumIdle: minimum, shared: false });
  return {
    key: "sublet",
    label: "Sublet",
    note: "db.execute",
    select: async (id) => (await pool.execute(pointSelect, [id]))[0],
    nap: () => pool.query(nap),
    [Symbol.asyncDispose]: () => pool.drain(),
  };
}

/** mysql2's pool, its promises. */
export function mysql2Client({ uri, limit }: ClientSetting): Client {
  const pool = mysql.createPool({ uri, connectionLimit: limit });
  return {
    key: "mysql2Promise",
    label: "mysql2/promise",
    note: "pool.execute",
    select: async (id) => (await pool.execute<mysql.RowDataPacket[]>(pointSelect, [id]))[0],
    nap: () => pool.query(nap),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** The pool of the mariadb connector. */
export function mariadbClient({ uri, limit, minimum = limit }: ClientSetting): Client {
  const pool = mariadb.createPool({
    ...addressOf(uri),
    connectionLimit: limit,
    minimumIdle: minimum,
  });
  return {
    key: "mariadb",
    label: "mariadb",
    note: "pool.execute",
    select: (id) => pool.execute<unknown[]>(pointSelect, [id]),
    nap: () => pool.query(nap),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** serverless-mysql: one connection, for one request at a time. */
export function serverlessClient({ uri }: ClientSetting): Client {
  const client = serverlessMysql({ config: addressOf(uri) });
  const run = async (sql: string, values: unknown[]): Promise<unknown[]> => {
    const rows = await client.query<unknown[]>(sql, values);
    await client.end();
    return rows;
  };
  return {
    key: "serverlessMysql",
    label: "serverless-mysql",
    note: "one connection; mysql.query, mysql.end; it prepares nothing",
    select: (id) => run(pointSelect, [id]),
    nap: () => run(nap, []),
    [Symbol.asyncDispose]: () => Promise.resolve(client.quit()),
  };
}

/** Returns this pool and the peers that any number may use at once, where they are to be had. */
export function makersOf(runtime: BenchRuntime): MakeClient[] {
  const makers = [subletClient, mysql2Client, mariadbClient];
  return runtime === "bun" ? [...makers, bunClient] : makers;
}

/** Ends clients. */
export async function closeAll(clients: readonly AsyncDisposable[]): Promise<void> {
  for (const client of clients) await client[Symbol.asyncDispose]();
}

/** The address in a URI, for those who take no URI. */
function addressOf(uri: string): {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
} {
  const { hostname: host, port, username: user, password, pathname } = new URL(uri);
  return { host, port: Number(port), user, password, database: pathname.slice(1) };
}
