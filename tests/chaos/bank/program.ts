/**
 * The bank as a program, in any runtime. It reads calls as lines of JSON, `[id, method, argument]`,
 * and answers each with a line, `{ id, value }` or `{ id, error }`.
 *
 * It produces the faults that other processes cannot produce: it sets its clock, and blocks its
 * event loop.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import type { PoolStats } from "../../../mod.ts";
import { Bank, type BankOptions, type BankReport } from "./bank.ts";

/** The state of the pool and the bank. */
export interface PoolReport {
  /** The statistics of the pool. */
  readonly stats: PoolStats;
  /** How many actual connections the pool has opened so far. */
  readonly openedCount: number;
  /** How many transfers have succeeded. */
  readonly acknowledgedCount: number;
  /** How many transfers have not settled. */
  readonly underWayCount: number;
}

const { now } = Date;
const idle = new Int32Array(new SharedArrayBuffer(4));
let bank: Bank | undefined;

/** Returns the bank opened last. */
function current(): Bank {
  if (bank === undefined) throw new Error("No bank is open");
  return bank;
}

/** Waits, in ms. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The methods of the program. */
export const methods = {
  /** Opens a bank, and starts its tellers. */
  open(options: BankOptions): void {
    bank = new Bank(options);
    bank.work();
  },
  /** Returns the state of the pool and the bank. */
  look(): PoolReport {
    const { db, openedCount, underWayCount, report } = current();
    const acknowledgedCount = report.acknowledged.length;
    return { stats: db.stats(), openedCount, acknowledgedCount, underWayCount };
  },
  /** Makes the tellers begin nothing for some ms, so that connections are idle. */
  pause(ms: number): void {
    current().pauseFor(sleep(ms));
  },
  /** Sets the wall clock off by some ms. */
  setClock(offsetMs: number): void {
    Date.now = () => now() + offsetMs;
  },
  /** Blocks the event loop for some ms. */
  block(ms: number): void {
    Atomics.wait(idle, 0, 0, ms);
  },
  /** Stops the tellers; fulfilled when they have finished, or after some ms. */
  async close(msMax: number): Promise<void> {
    await Promise.race([current().close(), sleep(msMax)]);
  },
  /** Drains the pool, with a timeout if given, and returns how long that took, in ms. */
  async drain(timeout: number | null): Promise<number> {
    const beganAt = performance.now();
    await current().db.drain({ timeout: timeout ?? undefined });
    return performance.now() - beganAt;
  },
  /** Returns the outcomes that the tellers got. */
  report(): BankReport {
    return current().report;
  },
};

async function verdictOn(method: keyof typeof methods, argument: never): Promise<object> {
  try {
    return { value: await methods[method](argument) };
  } catch (error) {
    return { error: error instanceof Error ? error.stack : String(error) };
  }
}

async function answer(line: string): Promise<void> {
  const [id, method, argument] = JSON.parse(line);
  process.stdout.write(
    `${JSON.stringify({ id, ...await verdictOn(method, argument as never) })}\n`,
  );
}

for await (const line of createInterface({ input: process.stdin })) void answer(line);
process.exit();
