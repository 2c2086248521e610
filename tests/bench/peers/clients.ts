/**
 * This pool and its peers as clients, each set up and used as its documentation says, on the same
 * server with the same limit.
 */

import mariadb from "mariadb";
import mysqlCallbacks from "mysql2";
import mysql from "mysql2/promise";
import serverlessMysql from "serverless-mysql";
import { createPool, type Pool } from "../../../mod.ts";
import { findRuntime } from "../../../src/adapters/runtime.ts";
import { creatorOn } from "../../../src/entries/create.ts";
import type { Runtime } from "../../../src/port/socket.ts";
import type { BenchRuntime } from "../measurement.ts";
import { bunClient } from "./bun_client.ts";
import type { Client, ClientSetting, MakeClient } from "./client.ts";
import { nap, pointSelect, rowsOfList, rowsOfPair } from "./statements.ts";

/** Creates this pool. */
export function subletPool({ uri, limit, minimum = 0, dial }: ClientSetting): Pool<"main"> {
  const runtime = findRuntime() as Runtime;
  const create = dial === undefined ? createPool : creatorOn({ runtime, dial }, "pool");
  return create({ uri, connectionLimit: limit, minimumIdle: minimum, shared: false });
}

/** Returns this pool as a client. */
export function subletClient(setting: ClientSetting): Client {
  const pool = subletPool(setting);
  return {
    key: "sublet",
    label: "Sublet",
    note: "db.execute",
    select: (id) => pool.execute(pointSelect, [id]),
    rowsOf: rowsOfPair,
    nap: () => pool.query(nap),
    [Symbol.asyncDispose]: () => pool.drain(),
  };
}

/** Returns mysql2's promise pool as a client. */
export function mysql2Client({ uri, limit, dial }: ClientSetting): Client {
  const stream = dial === undefined ? {} : { stream: dial };
  const pool = mysql.createPool({ uri, connectionLimit: limit, ...stream });
  return {
    key: "mysql2Promise",
    label: "mysql2/promise",
    note: "pool.execute",
    select: (id) => pool.execute(pointSelect, [id]),
    rowsOf: rowsOfPair,
    nap: () => pool.query(nap),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** Returns mysql2's callback pool as a client, with a promise for each statement. */
export function callbackClient({ uri, limit, dial }: ClientSetting): Client {
  const stream = dial === undefined ? {} : { stream: dial };
  const pool = mysqlCallbacks.createPool({ uri, connectionLimit: limit, ...stream });
  const execute = (sql: string, values: number[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      pool.execute(sql, values, (error, rows) => error ? reject(error) : resolve(rows));
    });
  return {
    key: "mysql2Callback",
    label: "mysql2, callbacks",
    note: "pool.execute with a callback, a promise a query",
    select: (id) => execute(pointSelect, [id]),
    rowsOf: rowsOfList,
    nap: () => execute(nap, []),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve, reject) => {
        pool.end((error) => error ? reject(error) : resolve());
      }),
  };
}

/** Returns the pool of the mariadb connector as a client. */
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
    select: (id) => pool.execute(pointSelect, [id]),
    rowsOf: rowsOfList,
    nap: () => pool.query(nap),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** Returns serverless-mysql as a client: one connection, for one request at a time. */
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
    rowsOf: rowsOfList,
    nap: () => run(nap, []),
    [Symbol.asyncDispose]: () => Promise.resolve(client.quit()),
  };
}

/** Returns this pool and the peers that serve concurrent requests on a runtime. */
export function makersOf(runtime: BenchRuntime): MakeClient[] {
  const makers = [subletClient, mysql2Client, mariadbClient];
  return runtime === "bun" ? [...makers, bunClient] : makers;
}

/** Ends clients. */
export async function closeAll(clients: readonly AsyncDisposable[]): Promise<void> {
  for (const client of clients) await client[Symbol.asyncDispose]();
}

/** Returns the address in a URI, for clients that take no URI. */
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
