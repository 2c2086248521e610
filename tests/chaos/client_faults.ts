/** Faults of a client: its process freezes, its clock jumps, its files run out. */

import { type Fault, nothingLeft, waitTimeoutS } from "./faults.ts";

/** Longer than the server's `wait_timeout`, in ms. */
const longMs = 1_000 * waitTimeoutS + 200;
/** How far a clock jumps at most, in ms: longer than a session lives. */
const clockMsMax = 4 * 3_600_000;

/** The faults of clients. */
export const clientFaults: readonly Fault[] = [
  {
    kind: "freeze",
    lastsMs: [longMs, longMs + 200],
    begin: ({ bank }) => {
      bank.freeze();
      return () => bank.thaw();
    },
  },
  {
    kind: "blocked loop",
    lastsMs: [0, 0],
    begin: async ({ bank }, chance) => {
      await bank.ask("block", chance.between(200, longMs + 200));
      return nothingLeft;
    },
  },
  {
    kind: "clock forward",
    lastsMs: [0, 300],
    begin: async ({ bank }, chance) => {
      await bank.ask("setClock", chance.between(1_000, clockMsMax));
      return () => bank.ask("setClock", 0);
    },
  },
  {
    kind: "clock back",
    lastsMs: [0, 300],
    begin: async ({ bank }, chance) => {
      await bank.ask("setClock", -chance.between(1_000, clockMsMax));
      return () => bank.ask("setClock", 0);
    },
  },
  {
    kind: "no files",
    lastsMs: [100, 400],
    gaps: { deno: "Deno 2.9 panics by itself: it opens a file to find out how deep its stack is" },
    begin: async ({ bank, proxy }) => {
      const allow = await bank.denyFiles();
      // Without connections the pool has to open some.
      proxy.reset();
      return allow;
    },
  },
  {
    kind: "wait timeout",
    lastsMs: [longMs, longMs],
    begin: async ({ bank }) => {
      await bank.ask("pause", longMs);
      return nothingLeft;
    },
  },
];
