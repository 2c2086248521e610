/** Watches the pool from both sides: what it says of itself, and what the server says of it. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "../../tests/support/server.ts";
import { until } from "../../tests/support/wait.ts";
import type { Shop } from "./shop.ts";

/** How long between two looks, in ms. */
const intervalMs = 15;

/** What was seen at a moment. */
export interface Look {
  /** What the pool says of itself. */
  readonly stats: ReturnType<Shop["db"]["stats"]>;
  /** How many connections the server says it has, but for those it had before the demo. */
  readonly serverCount: number;
}

/** Looks again and again, until it is told to stop, and keeps the peaks. */
export class Watch implements AsyncDisposable {
  /** What was seen last. */
  latest: Look;
  /** The most actual connections that the pool said it had. */
  actualPeak = 0;
  /** The most connections that the server said it had. */
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

  /** Starts to watch a pool on a server that has only connections of others so far. */
  static async start(pool: Shop["db"], server: Server): Promise<Watch> {
    // Those who loaded the shop have gone, but the server may not have noticed yet.
    const isOurs = server.pid !== undefined;
    const hasNone = async (): Promise<boolean> => await server.connectionCount() === 0;
    if (isOurs) await until(hasNone, "the server has no connection left");
    const before = await server.connectionCount();
    const watch = new Watch(pool, server, before, await server.status("Connections"));
    watch.#looking = watch.#lookOn();
    return watch;
  }

  /** Whether neither side knows of any connection. */
  get isQuiet(): boolean {
    return this.latest.stats.size === 0 && this.latest.serverCount === 0;
  }

  /** Returns how often the server was asked for a connection since the watch began. */
  async openedCount(): Promise<number> {
    return await this.#server.status("Connections") - this.#attemptsBefore;
  }

  /** Stops to look; rejects if looking has failed. */
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
