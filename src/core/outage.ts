/**
 * What the pool learns from attempts to connect: whether a target is down, and how many
 * connections the server has room for.
 *
 * Each failure doubles the wait before the next attempt, and chance shortens the wait by up
 * to a half, so that many pools do not try at once. A failure during the wait does not
 * lengthen it, as its attempt mostly began before the last failure. The ceiling falls to three
 * quarters and rises by one. It may fall to 0, as the pool still makes one attempt above it
 * after each wait.
 */

import type { ConnectFailed } from "./messages.ts";
import type { Outage, TargetId } from "./state.ts";
import { sizeOf } from "./table.ts";
import { type Draft, editTarget } from "./draft.ts";

/** Which part of the open connections the ceiling keeps when the server has no room for more. */
const CEILING_KEPT = 0.75;

/** How many attempts have failed in a row, and when to try again. */
type Setback = Omit<Outage, "cause">;

/** Learns from a failure to connect to a target: the target is down, or the server is full. */
export function learnFailure(draft: Draft, id: TargetId, failed: ConnectFailed): void {
  const { kind, cause, random } = failed;
  if (kind === "full") return lowerCeiling(draft, random);
  const target = editTarget(draft, id);
  target.openRate = 1;
  target.outage = { ...setback(draft, target.outage, random), cause };
}

/** Learns from a successful attempt to connect to a target: the target is up. */
export function learnSuccess(draft: Draft, id: TargetId): void {
  const target = editTarget(draft, id);
  target.outage = undefined;
  target.openRate = Math.min(target.openRate * 2, draft.pool.policy.connectionLimit);
}

/** Learns that the server had room for one more connection. */
export function raiseCeiling(draft: Draft, random: number): void {
  const { pool } = draft;
  if (pool.congestion === undefined) return;
  const ceiling = pool.congestion.ceiling + 1;
  const isOver = Math.max(ceiling, sizeOf(pool.actuals)) >= pool.policy.connectionLimit;
  const first = setback(draft, undefined, random);
  pool.congestion = isOver ? undefined : { ...first, failures: 0, ceiling };
}

/** Learns that the server has no room for more connections than are open now. */
function lowerCeiling(draft: Draft, random: number): void {
  const { pool } = draft;
  const { congestion } = pool;
  const borne = sizeOf(pool.actuals) - pool.connecting;
  const next = setback(draft, congestion, random);
  const ceiling = next === congestion
    ? Math.min(congestion.ceiling, borne)
    : Math.floor(borne * CEILING_KEPT);
  pool.congestion = { ...next, ceiling };
}

/** Postpones the next attempt, unless it is postponed already. */
function setback({ pool, now }: Draft, last: Setback | undefined, random: number): Setback {
  if (last !== undefined && now < last.retryAt) return last;
  const { backoffMin, backoffMax } = pool.policy;
  const failures = (last?.failures ?? 0) + 1;
  const wholeMs = Math.min(backoffMax, backoffMin * 2 ** (failures - 1));
  return { failures, retryAt: now + wholeMs * (1 + random) / 2 };
}
