/**
 * A storm: faults of several groups at the same time, in an order and of a kind that follow from
 * a seed. When what happens to the bank is random it can still be told again.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "../../examples/demo/chance.ts";
import type { Fault, Scene } from "./faults.ts";

/** How long nothing of a group happens between two faults of it, in ms. */
const calmMs = [100, 900] as const;

/** Lets it storm for a while; returns how many faults of each kind there were. */
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
  // All end what they have begun, before it is told that one could not.
  for (const { reason } of (await Promise.allSettled(storms)).filter(isRejected)) throw reason;
  return counts;
}

/** Deals faults without end: all of them in some order, and then again in another. */
function* dealt(faults: readonly Fault[], chance: Chance): Generator<Fault> {
  for (;;) {
    const deck = faults.map((fault) => ({ fault, place: chance.next() }));
    for (const { fault } of deck.sort((a, b) => a.place - b.place)) yield fault;
  }
}

function isRejected<T>(result: PromiseSettledResult<T>): result is PromiseRejectedResult {
  return result.status === "rejected";
}
