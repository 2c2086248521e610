/**
 * What failed and successful attempts to connect teach: of a target, that it is down;
 * of the server, how many connections it bears.
 *
 * Each failure doubles the time to the next attempt, and chance moves it by up to a
 * half, so that many pools do not try at once. Attempts that had begun before the last
 * failure put the next one off no further. The ceiling goes down by a quarter and up by
 * one; it may be nothing, as the one attempt beyond it is made when its time has come.
 */

import type { ConnectFailed } from "./event.ts";
import type { Instant, PoolState, TargetId } from "./state.ts";
import { sizeOf } from "./table.ts";
import { type Draft, editTarget, type Turn } from "./turn.ts";

/** Which part of what the server bore the ceiling keeps when there was no room for one more. */
const CEILING_KEPT = 0.75;

/** Learns from a failure to connect to a target. */
export function learnFailure(turn: Turn, id: TargetId, failed: ConnectFailed): void {
  const { pool, now } = turn;
  if (failed.kind === "full") return lowerCeiling(pool, failed.chance, now);
  const target = editTarget(turn, id);
  target.pace = 1;
  const { outage } = target;
  const isNew = outage === undefined || now >= outage.retryAt;
  const failures = (outage?.failures ?? 0) + (isNew ? 1 : 0);
  const retryAt = isNew ? now + backoffMs(pool, failures, failed.chance) : outage.retryAt;
  target.outage = { cause: failed.cause, failures, retryAt };
}

/** Learns from a connection that could be opened to a target. */
export function learnSuccess(turn: Turn, id: TargetId): void {
  const target = editTarget(turn, id);
  target.outage = undefined;
  target.pace = Math.min(target.pace * 2, turn.pool.policy.connectionsMax);
}

/** Learns that the server bore one more. */
export function raiseCeiling({ pool, now }: Turn, chance: number): void {
  if (pool.congestion === undefined) return;
  const ceiling = pool.congestion.ceiling + 1;
  const { connectionsMax } = pool.policy;
  const isOver = ceiling >= connectionsMax || sizeOf(pool.actuals) >= connectionsMax;
  const retryAt = now + backoffMs(pool, 1, chance);
  pool.congestion = isOver ? undefined : { ceiling, failures: 0, retryAt };
}

/** Learns that the server does not bear more than are open now. */
function lowerCeiling(pool: Draft<PoolState>, chance: number, now: Instant): void {
  const { congestion } = pool;
  const borne = sizeOf(pool.actuals) - pool.connecting;
  if (congestion !== undefined && now < congestion.retryAt) {
    pool.congestion = { ...congestion, ceiling: Math.min(congestion.ceiling, borne) };
    return;
  }
  const failures = (congestion?.failures ?? 0) + 1;
  const ceiling = Math.floor(borne * CEILING_KEPT);
  pool.congestion = { ceiling, failures, retryAt: now + backoffMs(pool, failures, chance) };
}

function backoffMs({ policy }: PoolState, failures: number, chance: number): number {
  const whole = Math.min(policy.backoffMsMax, policy.backoffMsMin * 2 ** (failures - 1));
  return whole * (1 + chance) / 2;
}
