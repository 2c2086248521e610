/** The memory of an idle virtual connection, of a waiting lease and of a waiting statement. */

import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import type { BenchRuntime } from "../measurement.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { createPool } from "../../../mod.ts";
import { createNullPool, type NullPool } from "../peers/null_pool.ts";
import { brief, shown, type Spread, spreadOf } from "../stats.ts";

/** Measures memory. */
export const memory: Measurement = { name: "memory", measure };

const VIRTUALS = 10_000;
const WAITERS = 20_000;

async function measure({ runtime, isQuick, server }: Bench): Promise<Finding> {
  const rounds = isQuick ? 3 : 11;
  const virtual = await repeated(rounds, () => measureVirtuals(runtime, server.url()));
  const lease = await repeated(rounds, () => measureLeases(runtime));
  const statement = await repeated(rounds, () => measureStatements(runtime));
  const rows = [
    ["an idle virtual connection", VIRTUALS.toLocaleString("en-US"), shown(virtual)],
    ["a lease that waits", WAITERS.toLocaleString("en-US"), shown(lease)],
    ["a statement that waits", WAITERS.toLocaleString("en-US"), shown(statement)],
  ];
  return {
    sections: [{
      title: "Memory",
      prose: "What the heap holds more with so many of them, for each: after a collection, with " +
        "the promise of each waiter, without the definition that its user keeps.",
      head: ["", "of", "bytes"],
      rows,
      plots: [],
    }],
    figures: {
      bytes: {
        virtual: brief(virtual.median),
        lease: brief(lease.median),
        statement: brief(statement.median),
      },
    },
  };
}

async function measureVirtuals(runtime: BenchRuntime, uri: string): Promise<number> {
  const connections = define();
  const before = await heapOf(runtime);
  const pool = createPool({ uri, shared: false, connections });
  // A running pool stores more for each than a new one.
  await pool.connection("tenant_0").query("DO 0");
  const bytes = await heapOf(runtime) - before;
  await pool.drain();
  // This use keeps the definition alive, so that it was not garbage-collected meanwhile.
  return bytes / Object.keys(connections).length;
}

/** Defines the virtual connections; a function, so that its temporary objects are garbage. */
function define(): Record<string, object> {
  const names = Array.from({ length: VIRTUALS }, (_, index) => [`tenant_${index}`, {}]);
  return Object.fromEntries(names);
}

async function measureLeases(runtime: BenchRuntime): Promise<number> {
  const waiting: Promise<{ release(): void }>[] = Array(WAITERS).fill(undefined);
  const ask = (pool: NullPool): void => {
    for (let index = 0; index < WAITERS; index++) waiting[index] = pool.lease();
  };
  const serve = async (): Promise<void> => {
    for (const promise of waiting) (await promise).release();
  };
  return await measureWaiters(runtime, ask, serve);
}

async function measureStatements(runtime: BenchRuntime): Promise<number> {
  const waiting: Promise<unknown>[] = Array(WAITERS).fill(undefined);
  const ask = (pool: NullPool): void => {
    for (let index = 0; index < WAITERS; index++) waiting[index] = pool.query("SELECT 1");
  };
  return await measureWaiters(runtime, ask, () => Promise.all(waiting));
}

async function measureWaiters(
  runtime: BenchRuntime,
  ask: (pool: NullPool) => void,
  serve: () => Promise<unknown>,
): Promise<number> {
  const pool = createNullPool({ connectionLimit: 1, acquireTimeout: 0 });
  const lease = await pool.lease();
  const before = await heapOf(runtime);
  ask(pool);
  const bytes = (await heapOf(runtime) - before) / WAITERS;
  lease.release();
  await serve();
  await pool.drain();
  return bytes;
}

async function repeated(rounds: number, measureOne: () => Promise<number>): Promise<Spread> {
  const found: number[] = [];
  // The first run compiles code, which takes memory too.
  await measureOne();
  for (let round = 0; round < rounds; round++) found.push(await measureOne());
  return spreadOf(found);
}

/** Returns the size of the heap in bytes, after pending work and garbage collection. */
async function heapOf(runtime: BenchRuntime): Promise<number> {
  const { gc, Bun } = globalThis as unknown as Collectors;
  for (let round = 0; round < 3; round++) {
    await turn();
    if (runtime === "bun") Bun.gc(true);
    else gc();
  }
  return process.memoryUsage().heapUsed;
}

/** The functions that collect garbage; Node and Deno need an option for theirs. */
interface Collectors {
  gc(): void;
  readonly Bun: { gc(isSynchronous: boolean): void };
}
