/**
 * Lends the connections of one virtual connection to code that knows mysql2's pool: what its two
 * faces, and the nodes of a cluster, have in common.
 */

import { tracingChannel } from "node:diagnostics_channel";
import type { PoolConnection } from "mysql2";
import { genuine } from "../mysql/loan.ts";
import { adopt, commandCount } from "./adopt.ts";
import type { PoolConfig } from "./config.ts";
import type { Db, Lease, VirtualConnection } from "./driver.ts";
import { driverError, poolError } from "./errors.ts";
import { isAnyLeaving } from "./checkout.ts";
import { type ConnectionConfig, internalsOf } from "./internals.ts";

/** Lends connections. */
export interface Lender {
  /** Lends one; for a statement of the pool's own, it may be one that the unit of work has. */
  lend(isForStatement: boolean): Promise<Lease>;
}

/** What {@linkcode Lending} lends, and how. */
export interface LendingSetting {
  /** The pool. */
  readonly db: Db;
  /** The virtual connection that it lends through. */
  readonly name: string;
  /** Returns the options under mysql2's names. */
  readonly config: () => PoolConfig;
  /** Whether statements are run in the transaction that their unit of work has open. */
  readonly joins: boolean;
  /** Whether the pool ends with it. */
  readonly isOwner: boolean;
}

/** Told what becomes of connections; `name` is that of an event of mysql2's pool. */
export type Tell = (name: string, ...connection: PoolConnection[]) => void;

/** How long what was lent has to lie still before it is taken to be forgotten, at the end. */
const STILL_MS = 1_000;
/** How often that is looked at. */
const LOOK_MS = 50;

/** Lends connections through a virtual connection. */
export class Lending implements Lender {
  readonly #setting: LendingSetting;
  readonly #virtual: VirtualConnection;
  readonly #lent: Set<PoolConnection> = new Set();
  readonly #closing: AbortController = new AbortController();
  #config: PoolConfig | undefined;
  #ended: Promise<void> | undefined;

  /** Creates what has lent nothing. */
  constructor(setting: LendingSetting) {
    this.#setting = setting;
    this.#virtual = setting.db.connection(setting.name);
    setting.db.on("release", ({ connection }) => this.#lent.delete(connection as PoolConnection));
  }

  /** The pool. */
  get db(): Db {
    return this.#setting.db;
  }

  /** The options under mysql2's names. */
  get config(): PoolConfig {
    return this.#config ??= this.#setting.config();
  }

  /** Lends a connection; rejects with an error as mysql2's pool has it. */
  async lend(isForStatement: boolean): Promise<Lease> {
    const { waitForConnections, connectionConfig } = this.config;
    const { signal } = this.#closing;
    const separate = isForStatement && this.#setting.joins ? "unlessInTransaction" : true;
    try {
      signal.throwIfAborted();
      // What they leave is there when they have left, and then this does not have to wait.
      if (isAnyLeaving()) await undefined;
      const lease = await traced(connectionConfig, () => this.#virtual.lease({ separate, signal }));
      this.#lent.add(adopt(genuine(lease.connection), connectionConfig));
      return lease;
    } catch (error) {
      throw driverError(error, waitForConnections);
    }
  }

  /** Has `tell` called with what mysql2's pool tells of. */
  listen(tell: Tell): void {
    const { db, name, isOwner } = this.#setting;
    const adopted = (connection: Lease["connection"]): PoolConnection => {
      return adopt(connection, this.config.connectionConfig);
    };
    db.on("acquire", ({ virtual, connection }) => {
      if (virtual === name) tell("acquire", adopted(connection));
    });
    db.on("release", ({ virtual, connection }) => {
      if (virtual === name) tell("release", adopted(connection));
    });
    db.on("enqueue", ({ virtual }) => {
      if (virtual === name && isCrowded(db.stats())) tell("enqueue");
    });
    // Who owns the pool is told when the session begins, and may take part in that.
    if (!isOwner) db.on("connection", ({ connection }) => tell("connection", adopted(connection)));
  }

  /**
   * Lends no more, and waits for what was lent; what nobody has done anything with for a second
   * is taken to be forgotten. If the pool is its own, that ends as well.
   */
  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  async #end(): Promise<void> {
    const { db, isOwner } = this.#setting;
    this.#closing.abort(poolError("POOL_CLOSED"));
    const drained = isOwner ? db.drain({ refuse: true }) : undefined;
    await this.#untilStill();
    if (isOwner && this.#lent.size > 0) await db.drain({ timeout: 0 });
    await drained;
  }

  #untilStill(): Promise<void> {
    let seen = "";
    let stillSince = performance.now();
    return new Promise((resolve) => {
      const look = (): void => {
        const now = performance.now();
        const counts = [...this.#lent].map(commandCount).join();
        if (counts !== seen || [...this.#lent].some(isBusy)) stillSince = now;
        seen = counts;
        if (this.#lent.size > 0 && now - stillSince < STILL_MS) return;
        clearInterval(timer);
        resolve();
      };
      const timer = setInterval(look, LOOK_MS);
      look();
    });
  }
}

function isBusy(connection: PoolConnection): boolean {
  return Boolean(internalsOf(connection)._command);
}

/** Tells whether somebody waits for whom no connection is on its way, nor could be. */
function isCrowded(stats: ReturnType<Db["stats"]>): boolean {
  const { waiting, connecting, checking, retargeting, connectionLimit, size } = stats;
  return waiting > connecting + checking + retargeting + connectionLimit - size;
}

/**
 * On this channel mysql2's pool tells tracers how long somebody waits for a connection; its other
 * channels are those of its connections, which tell by themselves.
 */
const channel = tracingChannel("mysql2:pool:connect");

/** Tells of a wait for a connection. */
function traced<T>(config: ConnectionConfig, wait: () => Promise<T>): Promise<T> {
  // Bun tells it of the single channels only.
  if (!(channel.hasSubscribers ?? channel.start.hasSubscribers)) return wait();
  const { database, socketPath, host, port } = config;
  return channel.tracePromise(wait, {
    database: database || "",
    serverAddress: socketPath ?? host,
    serverPort: socketPath === undefined ? port : undefined,
  });
}
