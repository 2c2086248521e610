/**
 * A pool in full use behind a proxy, and what each of those who use it is told when something
 * befalls it: who runs a statement, who holds a transaction in which nothing runs, who waits.
 */

import assert from "node:assert/strict";
import { createPool, type Pool, type PoolOptions } from "../../../mod.ts";
import { one } from "../../support/asking.ts";
import { type Proxy, startProxy } from "../../support/proxy.ts";
import { type Server, startServer } from "../../support/server.ts";
import type { Flavor } from "../../support/server_binary.ts";
import { until } from "../../support/wait.ts";

/** What somebody was told, and when. */
export interface Told {
  /** The code of the error, as a pool, a server or a driver gives it; "served" if there was none. */
  readonly code: string;
  /** The number that the server gives its error, or that of the error below one of the pool. */
  readonly errno: number | undefined;
  /** How long it took from when it befell the pool, in ms. */
  readonly ms: number;
}

/** The connections that a pool has told are opened, and not that they are closed. */
export class Open {
  readonly #connections = new Set<{ readonly threadId: number }>();

  /** Begins to listen. */
  constructor(db: Pool) {
    db.on("connection", ({ connection }) => this.#connections.add(connection));
    db.on("remove", ({ connection }) => this.#connections.delete(connection));
  }

  /** The numbers by which the server knows them, in order. */
  get threads(): number[] {
    return Array.from(this.#connections, ({ threadId }) => threadId).sort((a, b) => a - b);
  }
}

/** What befalls a pool, and the pool. */
export class Scene implements AsyncDisposable {
  readonly server: Server;
  readonly proxy: Proxy;
  readonly #pools: Pool[] = [];

  private constructor(server: Server, proxy: Proxy) {
    this.server = server;
    this.proxy = proxy;
  }

  /** Sets one up, with a table `t`. */
  static async start(flavor: Flavor, options: readonly string[] = []): Promise<Scene> {
    const server = await startServer({
      flavor,
      options: ["--innodb-flush-log-at-trx-commit=2", ...options],
    });
    await server.query("CREATE TABLE test.t (v INT) ENGINE = InnoDB");
    return new Scene(server, await startProxy(server));
  }

  /** Creates a pool. */
  pool(options: PoolOptions = {}): Pool {
    const db = createPool({ uri: this.proxy.uri, shared: false, ...options });
    this.#pools.push(db);
    return db;
  }

  /** Returns the numbers in the table, as root sees them, and empties it. */
  async takeValues(): Promise<number[]> {
    const rows = await this.server.query<{ v: number }>("SELECT v FROM test.t ORDER BY v");
    await this.server.query("TRUNCATE test.t");
    return rows.map(({ v }) => v);
  }

  /** Waits until the server has exactly the connections that a pool says there are. */
  async agrees(db: Pool): Promise<void> {
    await until(async () => {
      const { size, idle, waiting } = db.stats();
      return size === idle && waiting === 0 && await this.server.connectionCount() === size;
    }, "the server has what the pool has, and nobody uses it");
  }

  /** Returns the numbers by which the server knows the connections of its clients, in order. */
  async threads(): Promise<number[]> {
    const rows = await this.server.query<{ Id: number; User: string }>("SHOW PROCESSLIST");
    const ids = rows.filter(({ User }) => User === "app").map(({ Id }) => Number(Id));
    return ids.sort((a, b) => a - b);
  }

  /** Ends the pools of a test, and expects the server to be left by all. */
  async tidy(): Promise<void> {
    await Promise.all(this.#pools.splice(0).map((db) => db.drain({ timeout: 1_000 })));
    await until(async () => await this.server.connectionCount() === 0, "all are gone");
    await this.server.query("SET GLOBAL wait_timeout = 28800");
    await this.takeValues();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.server.remove();
  }
}

/** Those who use a pool of two. */
export class Crowd {
  /** What becomes of a statement that runs. */
  readonly busy: Promise<Told>;
  /** What becomes of a transaction, in which nothing runs before {@linkcode resume}. */
  readonly idle: Promise<Told>;
  /** What becomes of those who wait. */
  line: Promise<Told[]> = Promise.resolve([]);
  readonly #resumed: PromiseWithResolvers<void> = Promise.withResolvers();
  #struckAt = 0;

  private constructor(db: Pool, isIdle: () => void) {
    this.busy = this.#tell(db.query("INSERT INTO t SELECT IF(SLEEP(0.8), 1, 1)"));
    this.idle = this.#tell(db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (2)");
      isIdle();
      await this.#resumed.promise;
      await db.query("INSERT INTO t VALUES (3)");
    }));
  }

  /** Puts a pool of two into full use. */
  static async gather(db: Pool, server: Server): Promise<Crowd> {
    const idle = Promise.withResolvers<void>();
    const crowd = new Crowd(db, idle.resolve);
    await idle.promise;
    crowd.line = Promise.all([1, 2, 3, 4].map(() => crowd.#tell(one(db, "SELECT 1"))));
    await until(async () => {
      const rows = await server.query<{ Info: string | null }>("SHOW FULL PROCESSLIST");
      return rows.some(({ Info }) => Info?.includes("SLEEP"));
    }, "the server is at it");
    assert.equal(db.stats().waiting, 4);
    return crowd;
  }

  /** Notes that it befalls the pool now. */
  strike(): void {
    this.#struckAt = performance.now();
  }

  /** Lets the transaction go on. */
  resume(): void {
    this.#resumed.resolve();
  }

  async #tell(promise: Promise<unknown>): Promise<Told> {
    const [outcome] = await Promise.allSettled([promise]);
    const ms = performance.now() - this.#struckAt;
    if (outcome.status === "fulfilled") return { code: "served", errno: undefined, ms };
    const { code, errno, cause } = outcome.reason as Told & { cause?: { errno?: number } };
    return { code: String(code), errno: errno ?? cause?.errno, ms };
  }
}
