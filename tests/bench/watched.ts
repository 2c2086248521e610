/** Profiles the statements of clients: their CPU time, and the owners of that time. */

import process from "node:process";
import type { ByName } from "./figures.ts";
import { ROWS } from "./items.ts";
import { ownerOf, OWNERS } from "./owners.ts";
import type { Client } from "./peers/client.ts";
import { profiled, type Work } from "./profiler.ts";
import { brief } from "./stats.ts";
import { askTimes, WARM } from "./users.ts";

const ROUNDS = 2;

/** The profile of one client. */
export interface Spent {
  /** Its name in figures. */
  readonly key: string;
  /** Its name in tables. */
  readonly label: string;
  /** CPU time per statement in µs, by owner. */
  readonly byOwner: ByName;
  /** The same by function, the most expensive first. */
  readonly functions: readonly Work[];
}

/** Profiles clients in turns, each with `atOnce` users and `statements` statements in all. */
export async function watch(
  clients: readonly Client[],
  atOnce: number,
  statements: number,
): Promise<Spent[]> {
  const watched = clients.map((client) => new Watched(client, atOnce));
  for (const each of watched) await each.run(WARM);
  // The first profile costs more than later ones.
  await profiled(() => Promise.resolve());
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of watched) await each.watch(statements / ROUNDS);
  }
  return watched.map((each) => each.spent());
}

class Watched {
  readonly #client: Client;
  readonly #atOnce: number;
  readonly #work: Work[] = [];
  #count = 0;
  #cpuUs = 0;

  constructor(client: Client, atOnce: number) {
    this.#client = client;
    this.#atOnce = atOnce;
  }

  run(statements: number): Promise<void> {
    return askTimes(
      statements,
      this.#atOnce,
      (count) => this.#client.select(1 + count * 31 % ROWS),
    );
  }

  async watch(statements: number): Promise<void> {
    const work = await profiled(async () => {
      const began = process.cpuUsage();
      await this.run(statements);
      const { user, system } = process.cpuUsage(began);
      this.#cpuUs += user + system;
    });
    this.#count += statements;
    this.#work.push(...work);
  }

  spent(): Spent {
    const sampledUs = sum(this.#work.map(({ us }) => us));
    // The profiler counts a function as working even while other processes have the core.
    const each = merged(this.#work, this.#cpuUs / sampledUs / this.#count);
    const byOwner = OWNERS.map((owner) => {
      const of = each.filter((one) => ownerOf(one) === owner);
      return [owner, brief(sum(of.map(({ us }) => us)))];
    });
    const { key, label } = this.#client;
    return { key, label, byOwner: Object.fromEntries(byOwner), functions: each };
  }
}

/** Returns each function once, with its time scaled, the most expensive first. */
function merged(work: readonly Work[], scale: number): Work[] {
  const all = new Map<string, Work>();
  for (const { name, url, us } of work) {
    const key = `${name} ${url}`;
    all.set(key, { name, url, us: (all.get(key)?.us ?? 0) + us * scale });
  }
  return [...all.values()].sort((a, b) => b.us - a.us);
}

function sum(figures: readonly number[]): number {
  return figures.reduce((whole, figure) => whole + figure, 0);
}
