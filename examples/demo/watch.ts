/** Watches the pool from both sides: its own statistics, and the server's. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "../../tests/support/server.ts";
import { until } from "../../tests/support/wait.ts";
import type { Shop } from "./shop.ts";

/** The interval of the observations, in ms. */
const intervalMs = 15;

/** One observation. */
export interface Look {
  /** The statistics of the pool. */
  readonly stats: ReturnType<Shop["db"]["stats"]>;
  /** How many connections the server has, except those that it had before the demo. */
  readonly serverCount: number;
}

/** Observes at an interval until it is disposed of, and keeps the peaks. */
export class Watch implements AsyncDisposable {
  /** The last observation. */
  latest: Look;
  /** The most actual connections that the pool reported. */
  actualPeak = 0;
  /** The most connections that the server reported. */
  serverPeak = 0;
  readonly #pool: Shop["db"];
  readonly #server: Server;
  readonly #connectionsBefore: number;
  readonly #attemptsBefore: number;
  #isStopped = false;
  #looking: Promise<void> = Promise.resolve();

  private constructor(
    pool: Shop["db"],
    server: Server,
    connectionsBefore: number,
    attempts: number,
  ) {
    this.#pool = pool;
    this.#server = server;
    this.#connectionsBefore = connectionsBefore;
    this.#attemptsBefore = attempts;
    this.latest = { stats: pool.stats(), serverCount: 0 };
  }

  /** Starts to watch a pool that has no connections at the server yet. */
  static async start(pool: Shop["db"], server: Server): Promise<Watch> {
    // The connection that loaded the shop is closed, but the server may not have noticed yet.
    const isOurs = server.pid !== undefined;
    const hasNone = async (): Promise<boolean> => await server.connectionCount() === 0;
    if (isOurs) await until(hasNone, "the server has no connection left");
    const before = await server.connectionCount();
    const watch = new Watch(pool, server, before, await server.status("Connections"));
    watch.#looking = watch.#lookOn();
    return watch;
  }

  /** Whether neither side has a connection. */
  get isQuiet(): boolean {
    return this.latest.stats.size === 0 && this.latest.serverCount === 0;
  }

  /** Returns how many connection attempts the server has counted since the watch began. */
  async openedCount(): Promise<number> {
    return await this.#server.status("Connections") - this.#attemptsBefore;
  }

  /** Stops observing; rejects if an observation has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#looking;
  }

  async #lookOn(): Promise<void> {
    while (!this.#isStopped) {
      const serverCount = await this.#server.connectionCount() - this.#connectionsBefore;
      const stats = this.#pool.stats();
      this.latest = { stats, serverCount };
      this.actualPeak = Math.max(this.actualPeak, stats.size);
      this.serverPeak = Math.max(this.serverPeak, serverCount);
      await sleep(intervalMs);
    }
  }
}
