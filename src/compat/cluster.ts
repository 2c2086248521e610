/** The callback interface of a cluster: mysql2's `PoolCluster` and its namespaces. */

import { EventEmitter } from "node:events";
import { contained } from "./callbacks.ts";
import type { CompatOptions } from "./config.ts";
import type { Answer, QueryCommand } from "./internals.ts";
import type { Lender } from "./lending.ts";
import { type ClusterOptions, type MakeLending, Nodes } from "./nodes.ts";
import { handOver, type TakeConnection } from "./pool.ts";
import { execute, query } from "./statements.ts";

/** A cluster with the members of mysql2's `PoolCluster`. */
export class PoolCluster extends EventEmitter {
  readonly #nodes: Nodes;
  readonly #namespaces: Map<string, PoolNamespace> = new Map();

  /** Creates a cluster without nodes. */
  constructor(options: ClusterOptions, make: MakeLending) {
    super();
    const tell = contained((event: string, news: unknown) => this.emit(event, news));
    this.#nodes = new Nodes(options, make, tell);
  }

  /** Adds a node by its options, or by a name and its options. */
  add(given: string | URL | CompatOptions, options?: string | URL | CompatOptions): void {
    this.#nodes.add(given, options);
  }

  /** Removes the nodes whose names match a pattern. */
  remove(pattern: string | RegExp): void {
    this.#nodes.remove(pattern);
  }

  /** Returns the nodes whose names match a pattern; the selector picks one for each lease. */
  of(pattern?: string | RegExp, selector?: string): PoolNamespace {
    const asked = pattern || "*";
    const chosen = selector || this.#nodes.defaultSelector;
    const key = `${chosen.toUpperCase()} ${asked}`;
    const namespace = this.#namespaces.get(key) ??
      new PoolNamespace(this.#nodes.lender(asked, chosen));
    this.#namespaces.set(key, namespace);
    return namespace;
  }

  /** Lends a connection of any node, or of a node whose name matches a pattern. */
  getConnection(
    pattern: string | RegExp | TakeConnection,
    selector?: string | TakeConnection,
    callback?: TakeConnection,
  ): void {
    if (typeof pattern === "function") this.of().getConnection(pattern);
    else if (typeof selector === "function") this.of(pattern).getConnection(selector);
    else if (callback !== undefined) this.of(pattern, selector).getConnection(callback);
    else throw new TypeError("A connection is lent to a callback: none was given");
  }

  /** Ends the pools of all nodes; calls `callback` when all have ended. */
  end(callback?: Answer): void {
    const answer = contained(callback ?? throwAny);
    this.#nodes.end().then(
      () => queueMicrotask(() => answer(undefined)),
      (error: unknown) => queueMicrotask(() => answer(error)),
    );
  }

  /** Ends the pools of all nodes. */
  [Symbol.dispose](): void {
    this.end();
  }
}

/** The lender of each namespace. */
const lenders: WeakMap<PoolNamespace, Lender> = new WeakMap();

/** Returns the lender of a namespace. */
export function lenderOf(namespace: PoolNamespace): Lender {
  return lenders.get(namespace) as Lender;
}

/** Some nodes of a cluster. */
export class PoolNamespace {
  /** Creates a namespace over the lender of its nodes. */
  constructor(lender: Lender) {
    lenders.set(this, lender);
  }

  /** Lends a connection of one of these nodes. */
  getConnection(callback: TakeConnection): void {
    handOver(lenderOf(this), callback);
  }

  /** Sends a statement as text to one of these nodes. */
  query(sql: unknown, values?: unknown, callback?: unknown): QueryCommand {
    return query(lenderOf(this), sql, values, callback);
  }

  /** Prepares and executes a statement on one of these nodes. */
  execute(sql: unknown, values?: unknown, callback?: unknown): void {
    execute(lenderOf(this), sql, values, callback);
  }
}

function throwAny(error: unknown): void {
  if (error) throw error;
}
