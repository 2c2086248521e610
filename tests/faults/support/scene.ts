/**
 * A pool in full use behind a proxy, and the outcomes that its users get during a fault: a running
 * statement, an idle transaction and waiters.
 */

import assert from "node:assert/strict";
import { createPool, type Pool, type PoolOptions } from "../../../mod.ts";
import { one } from "../../support/asking.ts";
import { type Proxy, startProxy } from "../../support/proxy.ts";
import { type Server, startServer } from "../../support/server.ts";
import type { Flavor } from "../../support/server_binary.ts";
import { until } from "../../support/wait.ts";

/** The outcome that a request got, and when. */
export interface Told {
  /** The code of the error of the pool, the server or the driver; "served" if there was none. */
  readonly code: string;
  /** The server's error number, of the error or of its cause. */
  readonly errno: number | undefined;
  /** The time since the fault began, in ms. */
  readonly ms: number;
}

/** The connections that a pool has reported as opened but not as removed. */
export class Open {
  readonly #connections = new Set<{ readonly threadId: number }>();

  /** Begins to listen. */
  constructor(db: Pool<"main">) {
    db.on("connection", ({ connection }) => this.#connections.add(connection));
    db.on("remove", ({ connection }) => this.#connections.delete(connection));
  }

  /** The thread ids of the connections, in order. */
  get threads(): number[] {
    return Array.from(this.#connections, ({ threadId }) => threadId).sort((a, b) => a - b);
  }
}

/** A server behind a proxy, and the pools of a test. */
export class Scene implements AsyncDisposable {
  readonly server: Server;
  readonly proxy: Proxy;
  readonly #pools: Pool<"main">[] = [];

  private constructor(server: Server, proxy: Proxy) {
    this.server = server;
    this.proxy = proxy;
  }

  /** Starts a server, with a table `t`, and a proxy. */
  static async start(flavor: Flavor, options: readonly string[] = []): Promise<Scene> {
    const server = await startServer({
      flavor,
      options: ["--innodb-flush-log-at-trx-commit=2", ...options],
    });
    await server.query("CREATE TABLE test.t (v INT) ENGINE = InnoDB");
    return new Scene(server, await startProxy(server));
  }

  /** Creates a pool. */
  pool(options: PoolOptions = {}): Pool<"main"> {
    const db = createPool({ uri: this.proxy.uri, shared: false, ...options });
    this.#pools.push(db);
    return db;
  }

  /** Returns the numbers in the table, as root sees them, and empties the table. */
  async takeValues(): Promise<number[]> {
    const rows = await this.server.query<{ v: number }>("SELECT v FROM test.t ORDER BY v");
    await this.server.query("TRUNCATE test.t");
    return rows.map(({ v }) => v);
  }

  /** Waits until a pool is idle and the server has exactly the pool's connections. */
  async agrees(db: Pool<"main">): Promise<void> {
    await until(async () => {
      const { size, idle, waiting } = db.stats();
      return size === idle && waiting === 0 && await this.server.connectionCount() === size;
    }, "the server has what the pool has, and nobody uses it");
  }

  /** Returns the thread ids of all client connections at the server, in order. */
  async threads(): Promise<number[]> {
    const rows = await this.server.query<{ Id: number; User: string }>("SHOW PROCESSLIST");
    const ids = rows.filter(({ User }) => User === "app").map(({ Id }) => Number(Id));
    return ids.sort((a, b) => a - b);
  }

  /** Drains the pools of a test, and expects that the server has no client connection left. */
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

/** The users of a pool of two connections. */
export class Crowd {
  /** The outcome of a running statement. */
  readonly busy: Promise<Told>;
  /** The outcome of a transaction that is idle until {@linkcode resume}. */
  readonly idle: Promise<Told>;
  /** The outcomes of the waiters. */
  line: Promise<Told[]> = Promise.resolve([]);
  readonly #resumed: PromiseWithResolvers<void> = Promise.withResolvers();
  #struckAt = 0;

  private constructor(db: Pool<"main">, isIdle: () => void) {
    this.busy = this.#tell(db.query("INSERT INTO t SELECT IF(SLEEP(0.8), 1, 1)"));
    this.idle = this.#tell(db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (2)");
      isIdle();
      await this.#resumed.promise;
      await db.query("INSERT INTO t VALUES (3)");
    }));
  }

  /** Puts a pool of two connections into full use, with four waiters. */
  static async gather(db: Pool<"main">, server: Server): Promise<Crowd> {
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

  /** Records that the fault begins now. */
  strike(): void {
    this.#struckAt = performance.now();
  }

  /** Lets the code of the transaction continue. */
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
