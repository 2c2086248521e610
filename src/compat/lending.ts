/**
 * Lends connections, through one virtual connection, to code for mysql2's pool. The callback and
 * promise interfaces and the nodes of a cluster share this.
 */

import { tracingChannel } from "node:diagnostics_channel";
import type { PoolConnection } from "mysql2";
import { genuine } from "../mysql/loan.ts";
import { adopt, commandCount } from "./adopt.ts";
import { guarded } from "./changes.ts";
import type { PoolConfig } from "./config.ts";
import type { Db, Lease, VirtualConnection } from "./driver.ts";
import { driverError, poolError, transactionAround } from "./errors.ts";
import { isAnyLeaving } from "./checkout.ts";
import { type ConnectionConfig, internalsOf } from "./internals.ts";

/** Lends connections. */
export interface Lender {
  /** Lends one; for a statement of the pool it may be the one of its unit's open transaction. */
  lend(isForStatement: boolean): Promise<Lease>;
}

/**
 * Which transaction the pool's statements join: "join": any that their unit of work has open;
 * "transaction": that of `db.transaction` in which they are, where the pool lends no connection
 * beside it; "separate": none.
 */
export type UnitMode = "join" | "transaction" | "separate";

/** The configuration of a {@linkcode Lending}. */
export interface LendingInit {
  /** The pool. */
  readonly db: Db;
  /** The virtual connection that it lends through. */
  readonly name: string;
  /** Returns the options under mysql2's names. */
  readonly config: () => PoolConfig;
  /** How what it lends relates to the transactions around the calling code. */
  readonly unit: UnitMode;
  /** Whether ending the lending ends the pool, too. */
  readonly isOwner: boolean;
}

/** Receives an event of mysql2's pool: its name, and the connection if it has one. */
export type Tell = (name: string, ...connection: PoolConnection[]) => void;

/** At the end, how long lent connections must be unused before they count as forgotten. */
const STILL_MS = 1_000;
/** How often the end checks for that. */
const LOOK_MS = 50;

/** Lends connections through a virtual connection. */
export class Lending implements Lender {
  readonly #init: LendingInit;
  readonly #virtual: VirtualConnection;
  readonly #lent: Set<PoolConnection> = new Set();
  readonly #closing: AbortController = new AbortController();
  /** How many requests are not answered yet: a grant takes a few microtasks to reach its caller. */
  #asking = 0;
  #config: PoolConfig | undefined;
  #view: PoolConfig | undefined;
  #ended: Promise<void> | undefined;

  /** Creates a lending that has lent nothing yet. */
  constructor(init: LendingInit) {
    this.#init = init;
    this.#virtual = init.db.connection(init.name);
    init.db.on("release", ({ connection }) => this.#lent.delete(connection as PoolConnection));
  }

  /** The pool. */
  get db(): Db {
    return this.#init.db;
  }

  /** The options under mysql2's names. */
  get config(): PoolConfig {
    return this.#config ??= this.#init.config();
  }

  /** The same for users, who may change some of them; a face of another's pool refuses that. */
  get view(): PoolConfig {
    const { db, isOwner } = this.#init;
    return this.#view ??= guarded(this.config, isOwner ? () => db.retire() : undefined);
  }

  /** Lends a connection; rejects with an error as mysql2's pool does. */
  async lend(isForStatement: boolean): Promise<Lease> {
    const { waitForConnections, connectionConfig } = this.config;
    const { signal } = this.#closing;
    this.#asking++;
    try {
      const separate = this.#separate(isForStatement);
      signal.throwIfAborted();
      // A released connection may become idle in the next microtask; then this need not wait.
      if (isAnyLeaving()) await undefined;
      const lease = await traced(connectionConfig, () => this.#virtual.lease({ separate, signal }));
      this.#lent.add(adopt(genuine(lease.connection), connectionConfig));
      return lease;
    } catch (error) {
      throw driverError(error, waitForConnections);
    } finally {
      this.#asking--;
    }
  }

  /** Returns how the lease is taken; throws where it would be beside the caller's transaction. */
  #separate(isForStatement: boolean): true | "unlessInTransaction" {
    const { unit, name } = this.#init;
    if (unit === "join") return isForStatement ? "unlessInTransaction" : true;
    if (unit === "separate" || !this.#virtual.isInTransaction) return true;
    if (isForStatement) return "unlessInTransaction";
    throw transactionAround(name);
  }

  /** Calls `tell` for each event that mysql2's pool emits. */
  listen(tell: Tell): void {
    const { db, name, isOwner } = this.#init;
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
    // The owner hears of a new session earlier: its listeners take part in the session's setup.
    if (!isOwner) db.on("connection", ({ connection }) => tell("connection", adopted(connection)));
  }

  /**
   * Lends no more, and waits until all requests are answered and lent connections released, or none
   * of those has been used for a second: they count as forgotten. Ends the pool too, if it owns
   * the pool.
   */
  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  async #end(): Promise<void> {
    const { db, isOwner } = this.#init;
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
        if (this.#asking > 0 || this.#lent.size > 0 && now - stillSince < STILL_MS) return;
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

/** Tells whether more requests wait than connections are on their way or could be opened. */
function isCrowded(stats: ReturnType<Db["stats"]>): boolean {
  const { waiting, connecting, checking, retargeting, connectionLimit, size } = stats;
  return waiting > connecting + checking + retargeting + connectionLimit - size;
}

/**
 * The channel on which mysql2's pool publishes to tracers how long a request waits for a
 * connection. The driver's connections publish to mysql2's other channels by themselves.
 */
const channel = tracingChannel("mysql2:pool:connect");

/** Publishes a wait for a connection to tracers. */
function traced<T>(config: ConnectionConfig, wait: () => Promise<T>): Promise<T> {
  // Bun has `hasSubscribers` on the single channels only.
  if (!(channel.hasSubscribers ?? channel.start.hasSubscribers)) return wait();
  const { database, socketPath, host, port } = config;
  return channel.tracePromise(wait, {
    database: database || "",
    serverAddress: socketPath ?? host,
    serverPort: socketPath === undefined ? port : undefined,
  });
}
