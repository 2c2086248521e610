/**
 * The callback interface of a pool: mysql2's `Pool` over connections that Sublet lends.
 *
 * It has mysql2's members and events and no others, as tools recognise a pool by them.
 */

import { EventEmitter } from "node:events";
import mysql2, { type PoolConnection } from "mysql2";
import { contained } from "./callbacks.ts";
import type { PoolConfig } from "./config.ts";
import { Checkout } from "./checkout.ts";
import type { Answer, QueryCommand } from "./internals.ts";
import type { Lender, Lending } from "./lending.ts";
import { PromisePool } from "./promise_pool.ts";
import { execute, query } from "./statements.ts";

/** Receives a connection, or the error that explains why there is none. */
export type TakeConnection = (error: unknown, connection?: PoolConnection) => void;

/** A pool with the members of mysql2's `Pool`. */
export class Pool extends EventEmitter {
  readonly #lending: Lending;

  /** Creates a pool over a {@linkcode Lending}. */
  constructor(lending: Lending) {
    super();
    this.#lending = lending;
    lending.listen((name, ...connection) => this.emit(name, ...connection));
  }

  /** The options. The pool follows a change of one that concerns statements, or refuses it. */
  get config(): PoolConfig {
    return this.#lending.view;
  }

  /** Lends a connection to `callback`, which must release it. */
  getConnection(callback: TakeConnection): void {
    handOver(this.#lending, callback);
  }

  /** Releases a connection. */
  releaseConnection(connection: { release?(): void }): void {
    connection.release?.();
  }

  /** Sends a statement as text; returns the driver's command, which emits events. */
  query(sql: unknown, values?: unknown, callback?: unknown): QueryCommand {
    return query(this.#lending, sql, values, callback);
  }

  /** Prepares a statement, once for each connection, and executes it. */
  execute(sql: unknown, values?: unknown, callback?: unknown): void {
    execute(this.#lending, sql, values, callback);
  }

  /** Ends the pool; calls `callback` when the pool has ended. */
  end(callback?: Answer): void {
    const answer = contained(callback ?? throwAny);
    this.#lending.end().then(
      () => queueMicrotask(() => answer(undefined)),
      (error: unknown) => queueMicrotask(() => answer(error)),
    );
  }

  /** Ends the pool. */
  [Symbol.dispose](): void {
    this.end();
  }

  /** Returns the same pool with promises; `maker` constructs them. */
  promise(maker?: unknown): PromisePool {
    return new PromisePool(this, this.#lending, maker);
  }

  /** Formats values into a statement. */
  format(sql: string, values?: unknown): string {
    const { stringifyObjects, timezone } = this.#lending.config.connectionConfig;
    return mysql2.format(sql, values as never, stringifyObjects, timezone as never);
  }

  /** Returns a value as an SQL literal. */
  escape(value: unknown): string {
    const { stringifyObjects, timezone } = this.#lending.config.connectionConfig;
    return mysql2.escape(value as never, stringifyObjects, timezone as never);
  }

  /** Returns a quoted SQL identifier. */
  escapeId(value: string | string[]): string {
    return mysql2.escapeId(value, false);
  }
}

/** Lends a connection to a callback, for its sole use until it releases the connection. */
export function handOver(lender: Lender, callback: TakeConnection): void {
  const take = contained((error: unknown, checkout?: Checkout) => {
    if (checkout === undefined) callback(error);
    else checkout.run(() => callback(null, checkout.connection));
  });
  lender.lend(false).then(
    (lease) => queueMicrotask(() => take(null, new Checkout(lease).pin())),
    (error: unknown) => queueMicrotask(() => take(error)),
  );
}

function throwAny(error: unknown): void {
  if (error) throw error;
}
