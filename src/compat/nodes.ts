/**
 * The nodes of a cluster: pools of several servers. A selector picks one node for each lease.
 *
 * The cluster counts the failures of each node. A node that fails too often goes offline for
 * `restoreNodeTimeout`, or is removed if that is 0. A failed attempt counts once, for all requests
 * that it fails, and a refusal while the pool knows of the outage is no attempt. A node without
 * a free connection has not failed. In each case, and if its node is removed meanwhile, the request
 * goes on to another node.
 */

import type { PoolConnection } from "mysql2";
import { genuine } from "../mysql/loan.ts";
import type { CompatOptions } from "./config.ts";
import type { Lease } from "./driver.ts";
import { isOfLimit, isOfServer, poolError } from "./errors.ts";
import { internalsOf } from "./internals.ts";
import type { Lender, Lending } from "./lending.ts";

/** The options of a cluster, under mysql2's names. */
export interface ClusterOptions {
  /** Whether the cluster tries another node when one fails. Default: true. */
  readonly canRetry?: boolean | undefined;
  /** How many failures remove a node or take it offline. Default: 5. */
  readonly removeNodeErrorCount?: number | undefined;
  /** How long a node is offline, in ms. 0: it is removed for good. Default: 0. */
  readonly restoreNodeTimeout?: number | undefined;
  /** The selector of calls that name none: RR, RANDOM or ORDER. Default: RR. */
  readonly defaultSelector?: string | undefined;
}

/** The name of a cluster's event. */
export type ClusterEvent = "offline" | "online" | "remove" | "warn";

/** Makes the {@linkcode Lending} of a node. */
export type MakeLending = (options: string | URL | CompatOptions | undefined) => Lending;

interface Node {
  readonly id: string;
  readonly lending: Lending;
  errorCount: number;
  /** When the cluster last counted a failure. */
  failedAt: number;
  offlineUntil: number | undefined;
}

/** The nodes of one cluster. */
export class Nodes {
  readonly #options: ClusterOptions;
  readonly #make: MakeLending;
  readonly #tell: (event: ClusterEvent, news: unknown) => void;
  readonly #nodes: Map<string, Node> = new Map();
  /** The errors that it has counted: the requests that one attempt fails share its error. */
  readonly #counted: WeakSet<object> = new WeakSet();
  #idNext = 1;
  #ended: Promise<void> | undefined;

  /** Creates a cluster without nodes; throws if its default selector is unknown. */
  constructor(
    options: ClusterOptions,
    make: MakeLending,
    tell: (event: ClusterEvent, news: unknown) => void,
  ) {
    this.#options = options;
    this.#make = make;
    this.#tell = tell;
    selectorNamed(this.defaultSelector);
  }

  /** The selector of calls that name none. */
  get defaultSelector(): string {
    return this.#options.defaultSelector || "RR";
  }

  /**
   * Adds a node, unless its name is taken. A node without a name gets one. Throws once the cluster
   * has ended, as nothing would end the node.
   */
  add(given: string | URL | CompatOptions, options?: string | URL | CompatOptions): void {
    if (this.#ended !== undefined) {
      throw Object.assign(new Error("PoolCluster is closed."), { code: "POOL_CLOSED" });
    }
    const isNamed = typeof given === "string";
    const id = isNamed ? given : `CLUSTER::${this.#idNext++}`;
    if (this.#nodes.has(id)) return;
    const lending = this.#make(isNamed ? options : given);
    this.#nodes.set(id, {
      id,
      lending,
      errorCount: 0,
      failedAt: -Infinity,
      offlineUntil: undefined,
    });
  }

  /** Removes the nodes whose names match a pattern. */
  remove(pattern: string | RegExp): void {
    for (const node of this.#matching(expressionOf(pattern))) this.#drop(node);
  }

  /** Returns a lender over the nodes whose names match a pattern. */
  lender(pattern: string | RegExp, selector: string): Lender {
    const expression = expressionOf(pattern);
    const select = selectorNamed(selector);
    return { lend: (isForStatement) => this.#lend(expression, select, isForStatement) };
  }

  /** Ends all nodes. */
  end(): Promise<void> {
    return this.#ended ??= Promise.all(
      Array.from(this.#nodes.values(), ({ lending }) => lending.end()),
    ).then(() => undefined);
  }

  async #lend(expression: RegExp, select: Selector, isForStatement: boolean): Promise<Lease> {
    const passed = new Set<Node>();
    for (let node = this.#choose(expression, select, passed);;) {
      const askedAt = performance.now();
      try {
        const lease = await node.lending.lend(isForStatement);
        this.#succeeded(node);
        internalsOf(genuine(lease.connection) as PoolConnection)._clusterId = node.id;
        return lease;
      } catch (error) {
        const isFault = isOfServer(error);
        if (isFault) this.#failed(node, error as Error, askedAt);
        passed.add(node);
        const isRemoved = this.#nodes.get(node.id) !== node;
        const mayGoOn = isFault || isRemoved || isOfLimit(error);
        const { canRetry = true } = this.#options;
        if (!canRetry || !mayGoOn || this.#online(expression, passed).length === 0) throw error;
        this.#tell("warn", error);
      }
      node = this.#choose(expression, select, passed);
    }
  }

  #choose(expression: RegExp, select: Selector, passed: ReadonlySet<Node>): Node {
    const ids = this.#online(expression, passed).map(({ id }) => id);
    const id = ids.length > 1 ? select(ids) : ids[0];
    const node = id === undefined ? undefined : this.#nodes.get(id);
    if (node !== undefined) return node;
    throw poolError(this.#matching(expression).length > 0 ? "POOL_NONEONLINE" : "POOL_NOEXIST");
  }

  #matching(expression: RegExp): Node[] {
    return [...this.#nodes.values()].filter(({ id }) => id.match(expression) !== null);
  }

  #online(expression: RegExp, passed: ReadonlySet<Node>): Node[] {
    const now = performance.now();
    return this.#matching(expression).filter((node) => {
      return !passed.has(node) && (node.offlineUntil === undefined || node.offlineUntil <= now);
    });
  }

  #succeeded(node: Node): void {
    const { removeNodeErrorCount } = this.#options;
    node.errorCount = Math.max(0, Math.min(node.errorCount, removeNodeErrorCount || 5) - 1);
    if (node.offlineUntil === undefined) return;
    node.offlineUntil = undefined;
    this.#tell("online", node.id);
  }

  #failed(node: Node, error: Error, askedAt: number): void {
    // Requests that time out together have errors of their own: the first one counts.
    if (this.#counted.has(error) || askedAt < node.failedAt) return;
    this.#counted.add(error);
    node.failedAt = performance.now();
    const { removeNodeErrorCount, restoreNodeTimeout = 0 } = this.#options;
    if (++node.errorCount < (removeNodeErrorCount || 5) || !this.#nodes.has(node.id)) return;
    if (restoreNodeTimeout > 0) {
      node.offlineUntil = performance.now() + restoreNodeTimeout;
      this.#tell("offline", node.id);
    } else {
      this.#drop(node);
      this.#tell("remove", node.id);
    }
  }

  /** Removes a node; its work under way ends by itself. */
  #drop(node: Node): void {
    this.#nodes.delete(node.id);
    void node.lending.end();
  }
}

/** Picks one of the matching nodes by name. */
type Selector = (nodes: readonly string[]) => string | undefined;

const selectors: Readonly<Record<string, () => Selector>> = {
  /** Round robin. */
  RR: () => {
    let next = 0;
    return (nodes) => nodes[next++ % nodes.length];
  },
  /** At random. */
  RANDOM: () => (nodes) => nodes[Math.floor(Math.random() * nodes.length)],
  /** The first node that is available. */
  ORDER: () => (nodes) => nodes[0],
};

/** Returns a selector by its name, in any case; throws if there is none. */
function selectorNamed(name: string): Selector {
  const make = selectors[name.toUpperCase()];
  if (make !== undefined) return make();
  const known = Object.keys(selectors).join(", ");
  throw new RangeError(`There is no selector ${JSON.stringify(name)}: known are ${known}`);
}

/** Turns a pattern into a regular expression; a `*` in it matches any text. */
function expressionOf(pattern: string | RegExp): RegExp {
  if (typeof pattern !== "string") return pattern;
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^=!:${}()|[\]/\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
