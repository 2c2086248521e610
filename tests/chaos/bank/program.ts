/**
 * The bank as a program of its own, in whatever runtime runs it: what it is asked for comes in
 * lines of JSON, `[id, method, argument]`; each is answered by one, `{ id, value }` or `{ id, error }`.
 *
 * It does to itself what befalls a program and cannot be done to it from outside: its clock is
 * set, and its event loop stands still.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import type { PoolStats } from "../../../mod.ts";
import { Bank, type BankOptions, type BankReport } from "./bank.ts";

/** How the pool is. */
export interface PoolReport {
  /** What it is doing. */
  readonly stats: PoolStats;
  /** How many actual connections it has opened so far. */
  readonly openedCount: number;
  /** How many transfers have been carried out. */
  readonly acknowledgedCount: number;
  /** How many transfers have not been answered. */
  readonly underWayCount: number;
}

const { now } = Date;
const idle = new Int32Array(new SharedArrayBuffer(4));
let bank: Bank | undefined;

/** Returns the bank that was opened last. */
function current(): Bank {
  if (bank === undefined) throw new Error("No bank is open");
  return bank;
}

/** Waits, in ms. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the program can be asked for. */
export const methods = {
  /** Opens a bank, and lets its tellers work. */
  open(options: BankOptions): void {
    bank = new Bank(options);
    bank.work();
  },
  /** Tells how the pool is. */
  look(): PoolReport {
    const { db, openedCount, underWayCount, report } = current();
    const acknowledgedCount = report.acknowledged.length;
    return { stats: db.stats(), openedCount, acknowledgedCount, underWayCount };
  },
  /** Lets the tellers begin nothing for some ms, so that connections lie idle. */
  pause(ms: number): void {
    current().pauseFor(sleep(ms));
  },
  /** Lets the wall clock differ from the true time, in ms. */
  setClock(offsetMs: number): void {
    Date.now = () => now() + offsetMs;
  },
  /** Lets the event loop stand still, in ms. */
  block(ms: number): void {
    Atomics.wait(idle, 0, 0, ms);
  },
  /** Lets the tellers finish; fulfilled when they have, or after some ms. */
  async close(msMax: number): Promise<void> {
    await Promise.race([current().close(), sleep(msMax)]);
  },
  /** Ends the pool, by a deadline if it is given, and tells how long that took, in ms. */
  async drain(timeout: number | null): Promise<number> {
    const beganAt = performance.now();
    await current().db.drain({ timeout: timeout ?? undefined });
    return performance.now() - beganAt;
  },
  /** Tells what the tellers were told. */
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
