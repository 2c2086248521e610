/**
 * Where a program does its work: a database of its own on a real server, and a pool with mysql2's
 * members that may have two connections. It works twice, as there are two ways to get such a
 * pool, and has passed if all went well and nothing was left, as the server sees it too.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { type Connection, createConnection } from "mysql2/promise";
import { createPool, type PoolOptions } from "../../../../mod.ts";
import mysql, { compat, type CompatOptions, type Pool } from "../../../../src/entries/compat.ts";
import { until } from "../../../support/wait.ts";

/** How many connections a pool may have. */
export const connectionLimit = 2;

/** A pool of mysql2/promise. */
export type PromisePool = ReturnType<Pool["promise"]>;

/** Options that `createPool` of mysql2 and that of Sublet know by the same name. */
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
  /** Makes a pool, and says how its units of work begin and what it knows of its leases. */
  make(options: ChosenOptions & { readonly uri: string }): Source;
}

interface Source {
  readonly pool: Pool;
  /** Returns a pool whose statements join the transaction of their unit, if there are units. */
  joining(): Pool | undefined;
  unit<T>(fn: () => Promise<T>): Promise<T>;
  leased(): number;
  end(): Promise<void>;
}

const ways: readonly Way[] = [
  {
    name: "createPool of @sublet/mysql/compat",
    flavor: (options) => {
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
  {
    name: "compat(db) of a pool that exists",
    flavor: (options) => {
      const db = createPool({ ...options, connectionLimit, shared: false });
      const pool = compat(db);
      const leases = leasesOf(pool);
      return {
        pool,
        joining: () => compat(db, "main", { unit: "join" }),
        unit: (fn) => db.unit(fn),
        leased: () => Math.max(leases(), db.stats().leased + db.stats().waiting),
        end: () => db.drain(),
      };
    },
  },
];

/** Where a program does its work. */
export class Place {
  /** What the program hands to others: a pool, as mysql2's callbacks know it. */
  readonly pool: Pool;
  /** The same, as mysql2's promises know it. */
  readonly promises: PromisePool;
  /** The name of the database that is its own, and empty at first. */
  readonly database: string;
  /** Where the pool's connections lead. */
  readonly uri: string;
  readonly #source: Source;
  readonly #root: Connection;

  /** Creates it over its pool; {@linkcode work} does. */
  constructor(source: Source, root: Connection, uri: URL) {
    this.pool = source.pool;
    this.promises = source.pool.promise();
    this.database = uri.pathname.slice(1);
    this.uri = uri.href;
    this.#source = source;
    this.#root = root;
  }

  /** A pool whose statements join the transaction of their unit, where there are units. */
  get joining(): Pool | undefined {
    return this.#source.joining();
  }

  /** How many connections are lent. */
  get leased(): number {
    return this.#source.leased();
  }

  /** Returns how many connections the server has of the pool. */
  async connectionCount(): Promise<number> {
    return await status(this.#root, "Threads_connected") - 1;
  }

  /** Runs code as a unit of work, where there are such. */
  unit<T>(fn: () => Promise<T>): Promise<T> {
    return this.#source.unit(fn);
  }

  /** Waits until nothing is lent, and the server has no more connections than there may be. */
  async free(): Promise<void> {
    await until(() => this.leased === 0, "every connection has been given back");
    const isFit = async (): Promise<boolean> => await this.connectionCount() <= connectionLimit;
    await until(isFit, `the server has no more than ${connectionLimit} connections`);
  }

  /** Has many do something at once; meanwhile, there are no more connections than may be. */
  async crowd<T>(tasks: readonly (() => Promise<T>)[]): Promise<T[]> {
    await this.free();
    await this.ask("FLUSH STATUS");
    const results = await Promise.all(tasks.map((task) => this.unit(task)));
    // MariaDB counts those out late that have left, but of these none should have.
    const peak = await status(this.#root, "Max_used_connections") - 1;
    assert.ok(peak <= connectionLimit, `There were ${peak} connections, not ${connectionLimit}`);
    return results;
  }

  /** Returns what the server answers to root. */
  async ask<Row = Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const [rows] = await this.#root.query(sql, values);
    return rows as Row[];
  }

  /** Waits until a statement of the pool sleeps, and returns the server's name of its connection. */
  async sleeper(): Promise<number> {
    return await until(async () => {
      const [row] = await this.ask<{ ID: number }>(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ? AND INFO LIKE '%SLEEP(%'",
        [this.database],
      );
      return row?.ID;
    }, "a statement sleeps");
  }

  /** Runs something, and ends its connection at the server while it sleeps; returns how it failed. */
  async killedAsleep(doing: () => Promise<unknown>): Promise<unknown> {
    const outcome = Promise.allSettled([doing()]);
    await this.kill(await this.sleeper());
    const [settled] = await outcome;
    assert.equal(settled.status, "rejected", "A statement outlived its connection");
    return settled.reason;
  }

  /** Runs something that uses a table, and ends its connection while it waits for that. */
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

/** Does the work of a program, which is given where the server is; then says "passed". */
export async function work(
  body: (place: Place) => Promise<void>,
  options: ChosenOptions = {},
): Promise<void> {
  const [url, rootUrl, database = ""] = process.argv.slice(2);
  if (!url || !rootUrl) throw new Error("Usage: program <URL of the user> <of root> <database>");
  const root = await createConnection({ uri: rootUrl, dateStrings: true });
  const uri = new URL(url);
  uri.pathname = database;
  for (const { name, flavor } of ways) {
    await root.query("DROP DATABASE IF EXISTS ??", [database]);
    await root.query("CREATE DATABASE ??", [database]);
    await connected(root, 0);
    const source = make({ ...options, uri: uri.href });
    try {
      const place = new Place(source, root, uri);
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

/** Notes what a pool tells of what it lends, and returns what counts that. */
function leasesOf(pool: Pool): () => number {
  const lent = new Set<object>();
  pool.on("acquire", (connection) => lent.add(connection));
  pool.on("release", (connection) => lent.delete(connection));
  return () => lent.size;
}

/** Waits until the server has so many connections besides root's. */
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
