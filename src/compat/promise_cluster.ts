/** The promise interface of a cluster and of its namespaces. */

import { EventEmitter } from "node:events";
import { lenderOf, type PoolCluster, type PoolNamespace } from "./cluster.ts";
import type { CompatOptions } from "./config.ts";
import type { PromiseMaker } from "./internals.ts";
import { promiseConnection, type PromisePoolConnection } from "./promise_pool.ts";

/** A cluster with the members of mysql2/promise's `PoolCluster`. */
export class PromisePoolCluster extends EventEmitter {
  /** The cluster with callbacks. */
  readonly poolCluster: PoolCluster;
  /** The constructor of its promises. */
  readonly Promise: PromiseMaker;

  /** Wraps a cluster; `maker` constructs its promises. */
  constructor(cluster: PoolCluster, maker: PromiseMaker = Promise) {
    super();
    this.poolCluster = cluster;
    this.Promise = maker;
    for (const event of ["offline", "online", "remove", "warn"]) {
      cluster.on(event, (news) => this.emit(event, news));
    }
  }

  /** Adds a node by its options, or by a name and its options. */
  add(given: string | URL | CompatOptions, options?: string | URL | CompatOptions): void {
    this.poolCluster.add(given, options);
  }

  /** Removes the nodes whose names match a pattern. */
  remove(pattern: string | RegExp): void {
    this.poolCluster.remove(pattern);
  }

  /** Returns the nodes whose names match a pattern; the selector picks one for each lease. */
  of(pattern?: string | RegExp, selector?: string): PromisePoolNamespace {
    return new PromisePoolNamespace(this.poolCluster.of(pattern, selector), this.Promise);
  }

  /** Lends a connection of any node, or of a node whose name matches a pattern. */
  getConnection(pattern?: string | RegExp, selector?: string): Promise<PromisePoolConnection> {
    return new this.Promise((resolve) => resolve(this.of(pattern, selector).getConnection()));
  }

  /** Sends a statement as text to any node. */
  query(sql: unknown, values?: unknown): Promise<[unknown, unknown]> {
    return this.of().query(sql, values);
  }

  /** Prepares and executes a statement on any node. */
  execute(sql: unknown, values?: unknown): Promise<[unknown, unknown]> {
    return this.of().execute(sql, values);
  }

  /** Ends the pools of all nodes. */
  end(): Promise<void> {
    return new this.Promise((resolve, reject) => {
      this.poolCluster.end((error) => error ? reject(error) : resolve());
    });
  }

  /** Ends the pools of all nodes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** Some nodes of a cluster, with promises. */
export class PromisePoolNamespace {
  /** The namespace with callbacks. */
  readonly poolNamespace: PoolNamespace;
  /** The constructor of its promises. */
  readonly Promise: PromiseMaker;

  /** Wraps a namespace; `maker` constructs its promises. */
  constructor(namespace: PoolNamespace, maker: PromiseMaker) {
    this.poolNamespace = namespace;
    this.Promise = maker;
  }

  /** Lends a connection of one of these nodes. */
  getConnection(): Promise<PromisePoolConnection> {
    return promiseConnection(lenderOf(this.poolNamespace), this.Promise);
  }

  /** Sends a statement as text to one of these nodes. */
  query(sql: unknown, values?: unknown): Promise<[unknown, unknown]> {
    return this.#ask("query", sql, values);
  }

  /** Prepares and executes a statement on one of these nodes. */
  execute(sql: unknown, values?: unknown): Promise<[unknown, unknown]> {
    return this.#ask("execute", sql, values);
  }

  #ask(name: "query" | "execute", sql: unknown, values: unknown): Promise<[unknown, unknown]> {
    if (typeof values === "function") {
      throw new Error("Callback function is not available with promise clients.");
    }
    const asked = new Error();
    return new this.Promise((resolve, reject) => {
      this.poolNamespace[name](sql, values, (error: unknown, rows: unknown, fields: unknown) => {
        if (error) reject(restacked(error, asked));
        else resolve([rows, fields]);
      });
    });
  }
}

/** Gives an error the caller's stack, as mysql2's other promises do. */
function restacked(error: unknown, { stack = "" }: Error): unknown {
  if (error instanceof Error) {
    error.stack = `${error.name}: ${error.message}${stack.slice(stack.indexOf("\n"))}`;
  }
  return error;
}
