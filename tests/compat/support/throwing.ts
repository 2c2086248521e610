/**
 * Callbacks and listeners that throw, and the uncaught exceptions that follow. This is a program
 * because test runners handle uncaught exceptions themselves. Its argument is a server's URL.
 */

import { once } from "node:events";
import process from "node:process";
import mysql, { type PoolConnection, type RowDataPacket } from "../../../src/entries/compat.ts";
import { asked, ended, taken } from "./fixture.ts";

const [, , uri = ""] = process.argv;
const pool = mysql.createPool({ uri, connectionLimit: 1 });

/** Functions that pass a throwing callback, by the name of the case. */
type Throwing = Readonly<Record<string, (fails: () => never) => unknown>>;

async function tell(throwing: Throwing): Promise<void> {
  for (const [name, ask] of Object.entries(throwing)) {
    const thrown = once(process, "uncaughtException");
    ask(() => {
      throw new RangeError(name);
    });
    const [error] = await thrown;
    console.log(String(error));
  }
}

async function idOf(asker: Pick<PoolConnection, "query">): Promise<number> {
  const sql = "SELECT CONNECTION_ID() AS id";
  const [row] = await asked<[RowDataPacket]>((done) => asker.query(sql, done));
  return row["id"];
}

await tell({
  "a listener to new connections": (fails) => {
    pool.once("connection", fails);
    pool.query("SELECT 1", () => undefined);
  },
});
const connection = await taken(pool);
const id = await idOf(connection);
await tell({
  "a leased query": (fails) => connection.query("SELECT 1", fails),
  "a leased query that fails": (fails) => connection.query("SELECT nope", fails),
  "a leased execute that fails": (fails) => connection.execute("SELECT nope", fails),
  "a ping": (fails) => connection.ping(fails),
  "a leased listener": (fails) => connection.query("SELECT 1").on("result", fails),
});
connection.release();
await tell({
  "a lease": (fails) => {
    pool.getConnection((_error, lent) => {
      lent.release();
      fails();
    });
  },
  "a query": (fails) => pool.query("SELECT 1", fails),
  "a query that fails": (fails) => pool.query("SELECT nope", fails),
  "an execute": (fails) => pool.execute("SELECT 1", fails),
  "a listener to rows": (fails) => pool.query("SELECT 1").on("result", fails),
  "a listener to the end": (fails) => pool.query("SELECT 1").on("end", fails),
  "a reader of a stream": (fails) => pool.query("SELECT 1").stream().on("data", fails),
  "a listener to leases": (fails) => {
    pool.once("acquire", fails);
    pool.query("SELECT 1", () => undefined);
  },
});
console.log(await idOf(pool as Pick<PoolConnection, "query">) === id ? "the same" : "another");
await ended(pool);
await tell({ "a refused query": (fails) => pool.query("SELECT 1", fails) });
