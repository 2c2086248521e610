/**
 * Whether an actual connection may be lent: it has not been asked to go, is not too
 * old, and need not be checked first.
 *
 * Retirements for age keep a distance, so that those which were opened together do
 * not all go at once; but none is lent later than a tenth of the age limit beyond its
 * age. By chance each ages up to a tenth sooner, which sets most of them apart.
 */

import type { Actual, Instant, PoolState } from "./state.ts";

/** Which part of the age limit chance may take off, and how far beyond its age one may be lent. */
const AGE_SLACK = 0.1;

/** Returns when an actual connection that is born now will be old. */
export function ageAt({ policy }: PoolState, now: Instant, chance: number): Instant {
  return now + policy.ageMsMax * (1 - AGE_SLACK * chance);
}

/** Returns the distance that retirements for age keep. */
export function spacingMs({ policy }: PoolState): number {
  return policy.ageMsMax / policy.connectionsMax;
}

/** Returns when one that is old from `agesAt` on has to go. */
export function goesAt({ policy, agesFrom }: PoolState, agesAt: Instant): Instant {
  return Math.max(agesAt, Math.min(agesFrom, agesAt + policy.ageMsMax * AGE_SLACK));
}

/** Tells whether one that is old from `agesAt` on has to go now. */
export function isAged(pool: PoolState, agesAt: Instant, now: Instant): boolean {
  return now >= goesAt(pool, agesAt);
}

/** Tells whether an actual connection was there when all were asked to go. */
export function isRetired(pool: PoolState, actual: Actual): boolean {
  return actual.id < pool.retiredBelow;
}

/** Tells whether one has not proved to be alive since all became suspect. */
export function isSuspect(pool: PoolState, actual: Actual): boolean {
  return actual.suspicions < pool.suspicions;
}

/** Tells whether an idle one must be checked before it is lent: it rested long, or is suspect. */
export function isDoubtful(pool: PoolState, actual: Actual, now: Instant): boolean {
  return now - actual.restedAt > pool.policy.freshMsMax || isSuspect(pool, actual);
}
