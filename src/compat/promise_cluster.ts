/** The promise face of a cluster, and of its namespaces. */

import { EventEmitter } from "node:events";
import { lenderOf, type PoolCluster, type PoolNamespace } from "./cluster.ts";
import type { CompatOptions } from "./config.ts";
import type { PromiseMaker } from "./internals.ts";
import { promiseConnection, type PromisePoolConnection } from "./promise_pool.ts";

/** A cluster, as mysql2's promises know it. */
export class PromisePoolCluster extends EventEmitter {
  /** The cluster that it is a face of. */
  readonly poolCluster: PoolCluster;
  /** What makes its promises. */
  readonly Promise: PromiseMaker;

  /** Creates a promise face of a cluster; `maker` makes its promises. */
  constructor(cluster: PoolCluster, maker: PromiseMaker = Promise) {
    super();
    this.poolCluster = cluster;
    this.Promise = maker;
    for (const event of ["offline", "online", "remove", "warn"]) {
      cluster.on(event, (news) => this.emit(event, news));
    }
  }

  /** Adds a node by its options, or by a name and its options. */
  add(given: string | CompatOptions, options?: string | CompatOptions): void {
    this.poolCluster.add(given, options);
  }

  /** Removes the nodes that answer to a pattern. */
  remove(pattern: string | RegExp): void {
    this.poolCluster.remove(pattern);
  }

  /** Returns the nodes that answer to a pattern, of which one is chosen each time. */
  of(pattern?: string | RegExp, selector?: string): PromisePoolNamespace {
    return new PromisePoolNamespace(this.poolCluster.of(pattern, selector), this.Promise);
  }

  /** Lends a connection: of any node, or of those that answer to a pattern. */
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

/** Some nodes of a cluster, as promises know them. */
export class PromisePoolNamespace {
  /** What it is a face of. */
  readonly poolNamespace: PoolNamespace;
  /** What makes its promises. */
  readonly Promise: PromiseMaker;

  /** Creates a promise face of a namespace. */
  constructor(namespace: PoolNamespace, maker: PromiseMaker) {
    this.poolNamespace = namespace;
    this.Promise = maker;
  }

  /** Lends a connection of one of them. */
  getConnection(): Promise<PromisePoolConnection> {
    return promiseConnection(lenderOf(this.poolNamespace), this.Promise);
  }

  /** Sends a statement as text to one of them. */
  query(sql: unknown, values?: unknown): Promise<[unknown, unknown]> {
    return this.#ask("query", sql, values);
  }

  /** Prepares and executes a statement on one of them. */
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

/** Lets an error name the lines of who asked, as mysql2's other promises do. */
function restacked(error: unknown, { stack = "" }: Error): unknown {
  if (error instanceof Error) {
    error.stack = `${error.name}: ${error.message}${stack.slice(stack.indexOf("\n"))}`;
  }
  return error;
}
