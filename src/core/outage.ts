/**
 * What failed and successful attempts to connect teach: of a target, that it is down;
 * of the server, how many connections it bears.
 *
 * Each failure doubles the time to the next attempt, and chance moves it by up to a
 * half, so that many pools do not try at once. Attempts that had begun before the last
 * failure put the next one off no further. The ceiling goes down by a quarter and up by
 * one; it may be nothing, as the one attempt beyond it is made when its time has come.
 */

import type { ConnectFailed } from "./messages.ts";
import type { Outage, TargetId } from "./state.ts";
import { sizeOf } from "./table.ts";
import { type Draft, editTarget } from "./draft.ts";

/** Which part of what the server bore the ceiling keeps when there was no room for one more. */
const CEILING_KEPT = 0.75;

/** How often attempts have failed in a row, and when to try again. */
type Setback = Omit<Outage, "cause">;

/** Learns from a failure to connect to a target: that it is down, or the server full. */
export function learnFailure(draft: Draft, id: TargetId, failed: ConnectFailed): void {
  const { kind, cause, random } = failed;
  if (kind === "full") return lowerCeiling(draft, random);
  const target = editTarget(draft, id);
  target.openRate = 1;
  target.outage = { ...setback(draft, target.outage, random), cause };
}

/** Learns from a connection that could be opened to a target. */
export function learnSuccess(draft: Draft, id: TargetId): void {
  const target = editTarget(draft, id);
  target.outage = undefined;
  target.openRate = Math.min(target.openRate * 2, draft.pool.policy.connectionLimit);
}

/** Learns that the server bore one more. */
export function raiseCeiling(draft: Draft, random: number): void {
  const { pool } = draft;
  if (pool.congestion === undefined) return;
  const ceiling = pool.congestion.ceiling + 1;
  const isOver = Math.max(ceiling, sizeOf(pool.actuals)) >= pool.policy.connectionLimit;
  const first = setback(draft, undefined, random);
  pool.congestion = isOver ? undefined : { ...first, failures: 0, ceiling };
}

/** Learns that the server does not bear more than are open now. */
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

/** Puts the next attempt off, unless this one had begun before that was done last. */
function setback({ pool, now }: Draft, last: Setback | undefined, random: number): Setback {
  if (last !== undefined && now < last.retryAt) return last;
  const { backoffMsMin, backoffMsMax } = pool.policy;
  const failures = (last?.failures ?? 0) + 1;
  const wholeMs = Math.min(backoffMsMax, backoffMsMin * 2 ** (failures - 1));
  return { failures, retryAt: now + wholeMs * (1 + random) / 2 };
}
