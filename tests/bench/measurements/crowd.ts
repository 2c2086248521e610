/**
 * Many requests at once that are never served: how long they block the event loop when they arrive,
 * and when the pool refuses them, times them out or aborts them.
 */

import process from "node:process";
import { createPool, type Pool } from "../../../mod.ts";
import type { Bench, Finding, Measurement, Section } from "../measurement.ts";

/** Measures crowds of requests that fail. */
export const crowd: Measurement = { name: "crowd", measure };

const WAITERS = 100_000;
const WAITERS_QUICK = 10_000;
const SIGNALLED = 20_000;
const SIGNALLED_QUICK = 2_000;
const WAIT_MS = 500;

/** How the requests of a crowd fail. */
interface Crowd {
  readonly key: string;
  readonly label: string;
  readonly isSignalled: boolean;
  readonly options: object;
  /** Sends requests, and aborts them unless the pool ends them by itself. */
  readonly ask: (db: Pool<"main">, count: number) => Promise<readonly Promise<unknown>[]>;
}

/** The result, in ms of this process's CPU time. */
interface Found extends Pick<Crowd, "key" | "label"> {
  readonly count: number;
  readonly askMs: number;
  readonly giveUpMs: number;
}

const CROWDS: readonly Crowd[] = [
  {
    key: "timeout",
    label: "time out",
    isSignalled: false,
    options: { acquireTimeout: WAIT_MS },
    ask: (db, count) => Promise.resolve(askAll(db, count, {})),
  },
  {
    key: "unitTimeout",
    label: "time out in one unit",
    isSignalled: false,
    options: { acquireTimeout: WAIT_MS },
    ask: (db, count) => db.unit(() => Promise.resolve([Promise.all(askAll(db, count, {}))])),
  },
  {
    key: "refusal",
    label: "are refused",
    isSignalled: false,
    options: { waitForConnections: false },
    ask: (db, count) => Promise.resolve(askAll(db, count, {})),
  },
  {
    key: "signal",
    label: "are aborted by one signal",
    isSignalled: true,
    options: { acquireTimeout: 0 },
    ask(db, count) {
      const end = new AbortController();
      setImmediate(() => end.abort());
      return Promise.resolve(askAll(db, count, { signal: end.signal }));
    },
  },
];

async function measure({ isQuick, server }: Bench): Promise<Finding> {
  const found: Found[] = [];
  for (const each of CROWDS) {
    const [whole, quick] = each.isSignalled
      ? [SIGNALLED, SIGNALLED_QUICK]
      : [WAITERS, WAITERS_QUICK];
    found.push(await measureOne(server.url(), each, isQuick ? quick : whole));
  }
  const figures = found.map(({ key, askMs, giveUpMs }) => [key, { askMs, giveUpMs }]);
  return { sections: [tell(found)], figures: { crowd: Object.fromEntries(figures) } };
}

async function measureOne(uri: string, crowd: Crowd, count: number): Promise<Found> {
  const { key, label, options, ask } = crowd;
  await using db = createPool({ uri, connectionLimit: 1, shared: false, ...options });
  const lease = await db.lease();
  await Promise.all(await ask(db, count / 10));
  const began = process.cpuUsage();
  const asked = ask(db, count);
  const askMs = msSince(began);
  await Promise.all(await asked);
  const giveUpMs = msSince(began) - askMs;
  lease.release();
  return { key, label, count, askMs, giveUpMs };
}

function askAll(db: Pool<"main">, count: number, options: object): Promise<unknown>[] {
  return Array.from({ length: count }, () => {
    return db.query("SELECT 1", undefined, options).then(
      () => {
        throw new Error("It was served");
      },
      () => undefined,
    );
  });
}

function msSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

function tell(found: readonly Found[]): Section {
  return {
    title: "A crowd that gets nothing",
    prose: "How much CPU time it takes, and so blocks the event loop, to ask and to be given up.",
    head: ["they", "how many", "to ask", "to be given up", "each"],
    rows: found.map(({ label, count, askMs, giveUpMs }) => [
      label,
      `${count}`,
      `${askMs.toFixed(0)} ms`,
      `${giveUpMs.toFixed(0)} ms`,
      `${((askMs + giveUpMs) / count * 1000).toFixed(1)} µs`,
    ]),
    plots: [],
  };
}
