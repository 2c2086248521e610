/**
 * A storm: faults of several groups at the same time. Their order and parameters follow from a
 * seed, so that a random storm can be repeated.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "../../examples/demo/chance.ts";
import type { Fault, Scene } from "./faults.ts";

/** The pause between two faults of a group, in ms. */
const calmMs = [100, 900] as const;

/** Runs faults for a while; returns how many of each kind there were. */
export async function storm(
  scene: Scene,
  groups: readonly (readonly Fault[])[],
  chance: Chance,
  durationMs: number,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind } of groups.flat()) counts[kind] = 0;
  const endsAt = performance.now() + durationMs;
  const rage = async (faults: readonly Fault[], own: Chance): Promise<void> => {
    for (const fault of dealt(faults, own)) {
      await sleep(own.between(...calmMs));
      if (performance.now() >= endsAt) return;
      const end = await fault.begin(scene, own);
      await sleep(own.between(...fault.lastsMs));
      await end();
      counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
    }
  };
  const storms = groups.map((faults) => rage(faults, chance.fork()));
  // All groups end their faults before the storm throws the error of one.
  for (const { reason } of (await Promise.allSettled(storms)).filter(isRejected)) throw reason;
  return counts;
}

/** Yields faults without end: all of them in a random order, then again in another. */
function* dealt(faults: readonly Fault[], chance: Chance): Generator<Fault> {
  for (;;) {
    const deck = faults.map((fault) => ({ fault, place: chance.next() }));
    for (const { fault } of deck.sort((a, b) => a.place - b.place)) yield fault;
  }
}

function isRejected<T>(result: PromiseSettledResult<T>): result is PromiseRejectedResult {
  return result.status === "rejected";
}
