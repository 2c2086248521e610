/**
 * Where a program does its work: its own database on a real server, and a compat pool with at most
 * two connections. The program runs once for each way to get a compat pool. It passes if it
 * throws nothing, and leaves neither leases nor connections at the server.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { type Connection, createConnection } from "mysql2/promise";
import { createPool, type PoolOptions } from "../../../../mod.ts";
import mysql, { compat, type CompatOptions, type Pool } from "../../../../src/entries/compat.ts";
import { until } from "../../../support/wait.ts";

/** The maximum number of connections of a pool. */
export const connectionLimit = 2;

/** A pool of mysql2/promise. */
export type PromisePool = ReturnType<Pool["promise"]>;

/** Options that have the same name in compat's `createPool` and in Sublet's. */
type ChosenOptions = Pick<
  CompatOptions & PoolOptions,
  | "bigNumberStrings"
  | "dateStrings"
  | "flags"
  | "idleTimeout"
  | "initSql"
  | "stringifyObjects"
  | "supportBigNumbers"
  | "timezone"
>;

/** How a program gets its pool. */
interface Way {
  readonly name: string;
  /** Whether the pool lends connections inside a transaction of the pool below. */
  readonly isSeparate: boolean;
  /** Creates a pool, and the functions to run its units of work and count its leases. */
  make(options: ChosenOptions & { readonly uri: string }): Source;
}

interface Source {
  readonly pool: Pool;
  /** Returns a pool with `unit: "join"`, if this way has units of work. */
  joining(): Pool | undefined;
  unit<T>(fn: () => Promise<T>): Promise<T>;
  /** Runs code in a transaction of the pool below, if there is one. */
  transaction?(fn: () => Promise<void>): Promise<void>;
  leased(): number;
  end(): Promise<void>;
}

/** Returns the way by `compat(db)`, with or without `unit: "separate"`. */
function faceWay(unit: "separate" | undefined): Way {
  return {
    name: `compat(db), ${unit ?? "by default"}, of a pool that exists`,
    isSeparate: unit === "separate",
    make: (options) => {
      const db = createPool({ ...options, connectionLimit, shared: false });
      const pool = compat(db, "main", { unit });
      const leases = leasesOf(pool);
      return {
        pool,
        joining: () => compat(db, "main", { unit: "join" }),
        unit: (fn) => db.unit(fn),
        transaction: (fn) => db.transaction(fn),
        leased: () => Math.max(leases(), db.stats().leased + db.stats().waiting),
        end: () => db.drain(),
      };
    },
  };
}

const ways: readonly Way[] = [
  {
    name: "createPool of @sublet/mysql/compat",
    isSeparate: true,
    make: (options) => {
      const pool = mysql.createPool({ ...options, connectionLimit });
      return {
        pool,
        joining: () => undefined,
        unit: (fn) => fn(),
        leased: leasesOf(pool),
        end: () => pool.promise().end(),
      };
    },
  },
  faceWay(undefined),
  faceWay("separate"),
];

/** Where a program does its work. */
export class Place {
  /** The pool that the program passes to its package, with callbacks. */
  readonly pool: Pool;
  /** The same pool, with promises. */
  readonly promises: PromisePool;
  /** The name of the program's own database, which is empty at first. */
  readonly database: string;
  /** The URL that the pool connects to. */
  readonly uri: string;
  /** Whether the pool lends connections inside {@linkcode transaction}. */
  readonly isSeparate: boolean;
  readonly #source: Source;
  readonly #root: Connection;

  /** Creates it over its pool; {@linkcode work} does. */
  constructor(source: Source, isSeparate: boolean, root: Connection, uri: URL) {
    this.isSeparate = isSeparate;
    this.pool = source.pool;
    this.promises = source.pool.promise();
    this.database = uri.pathname.slice(1);
    this.uri = uri.href;
    this.#source = source;
    this.#root = root;
  }

  /** A pool with `unit: "join"`, if this way has units of work. */
  get joining(): Pool | undefined {
    return this.#source.joining();
  }

  /** The number of leases. */
  get leased(): number {
    return this.#source.leased();
  }

  /** Returns how many connections the pool has at the server. */
  async connectionCount(): Promise<number> {
    return await status(this.#root, "Threads_connected") - 1;
  }

  /** Runs code as a unit of work, if this way has units of work. */
  unit<T>(fn: () => Promise<T>): Promise<T> {
    return this.#source.unit(fn);
  }

  /** Runs code in a transaction of the pool below; undefined if this way has none. */
  get transaction(): ((fn: () => Promise<void>) => Promise<void>) | undefined {
    return this.#source.transaction;
  }

  /** Waits until no lease is left, and the server has at most {@linkcode connectionLimit}. */
  async free(): Promise<void> {
    await until(() => this.leased === 0, "every connection has been given back");
    const isFit = async (): Promise<boolean> => await this.connectionCount() <= connectionLimit;
    await until(isFit, `the server has no more than ${connectionLimit} connections`);
  }

  /** Runs tasks in parallel, and checks that the pool does not exceed its limit meanwhile. */
  async crowd<T>(tasks: readonly (() => Promise<T>)[]): Promise<T[]> {
    await this.free();
    await this.ask("FLUSH STATUS");
    const results = await Promise.all(tasks.map((task) => this.unit(task)));
    // MariaDB counts closed connections for a while, but the pool should have closed none.
    const peak = await status(this.#root, "Max_used_connections") - 1;
    assert.ok(peak <= connectionLimit, `There were ${peak} connections, not ${connectionLimit}`);
    return results;
  }

  /** Runs a query as root and returns its rows. */
  async ask<Row = Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const [rows] = await this.#root.query(sql, values);
    return rows as Row[];
  }

  /** Waits until a statement of the pool sleeps, and returns the thread id of its connection. */
  async sleeper(): Promise<number> {
    return await until(async () => {
      const [row] = await this.ask<{ ID: number }>(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ? AND INFO LIKE '%SLEEP(%'",
        [this.database],
      );
      return row?.ID;
    }, "a statement sleeps");
  }

  /** Runs a task, kills its connection while its statement sleeps, and returns its error. */
  async killedAsleep(doing: () => Promise<unknown>): Promise<unknown> {
    const outcome = Promise.allSettled([doing()]);
    await this.kill(await this.sleeper());
    const [settled] = await outcome;
    assert.equal(settled.status, "rejected", "A statement outlived its connection");
    return settled.reason;
  }

  /** Runs a task, kills its connection while it waits for a table lock, and returns its error. */
  async killedWaiting(table: string, doing: () => Promise<unknown>): Promise<unknown> {
    await this.ask("LOCK TABLES ??.?? WRITE", [this.database, table]);
    try {
      const outcome = Promise.allSettled([doing()]);
      const waiting = await until(async () => {
        const [row] = await this.ask<{ ID: number }>(
          "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ? AND STATE LIKE ?",
          [this.database, "Waiting for table%"],
        );
        return row?.ID;
      }, "a statement waits for the table");
      await this.kill(waiting);
      const [settled] = await outcome;
      assert.equal(settled.status, "rejected", "A statement outlived its connection");
      return settled.reason;
    } finally {
      await this.ask("UNLOCK TABLES");
    }
  }

  /** Ends a connection at the server. */
  async kill(threadId: number): Promise<void> {
    await this.ask("KILL ?", [threadId]);
    await until(async () => {
      const rows = await this.ask("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ?", [
        threadId,
      ]);
      return rows.length === 0;
    }, "the server has ended the connection");
  }
}

/** Runs a program at the server that its arguments name; then prints "passed". */
export async function work(
  body: (place: Place) => Promise<void>,
  options: ChosenOptions = {},
): Promise<void> {
  const [url, rootUrl, database = ""] = process.argv.slice(2);
  if (!url || !rootUrl) throw new Error("Usage: program <URL of the user> <of root> <database>");
  const root = await createConnection({ uri: rootUrl, dateStrings: true });
  const uri = new URL(url);
  uri.pathname = database;
  for (const { name, isSeparate, make } of ways) {
    await root.query("DROP DATABASE IF EXISTS ??", [database]);
    await root.query("CREATE DATABASE ??", [database]);
    await connected(root, 0);
    const source = make({ ...options, uri: uri.href });
    try {
      const place = new Place(source, isSeparate, root, uri);
      await body(place);
      await place.free();
      await source.end();
      await connected(root, 0);
    } catch (error) {
      throw new Error(`With ${name}`, { cause: error });
    }
  }
  await root.query("DROP DATABASE ??", [database]);
  await root.end();
  console.log("passed");
}

/** Listens to the events of a pool, and returns a function that counts its leases. */
function leasesOf(pool: Pool): () => number {
  const lent = new Set<object>();
  pool.on("acquire", (connection) => lent.add(connection));
  pool.on("release", (connection) => lent.delete(connection));
  return () => lent.size;
}

/** Waits until the server has a number of connections besides root's. */
async function connected(root: Connection, count: number): Promise<void> {
  await until(
    async () => await status(root, "Threads_connected") - 1 === count,
    `the server has ${count} connections`,
  );
}

async function status(root: Connection, name: string): Promise<number> {
  const [rows] = await root.query("SHOW GLOBAL STATUS WHERE Variable_name = ?", [name]);
  return Number((rows as { Value: string }[])[0]?.Value);
}
