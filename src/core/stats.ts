/** The counts of a pool, for metrics and for people. */

import type { Phase, PoolState, Status } from "./state.ts";
import { sizeOf } from "./table.ts";

/** The counts of a pool's actual connections and of its waiters. */
export interface ConnectionCounts extends Record<Status, number> {
  /** Whether the pool grants leases, is paused, ends, or is closed. */
  readonly phase: Phase;
  /** How many requests wait. */
  readonly waiting: number;
  /** How many of them the limits of their virtual connections block. */
  readonly blocked: number;
  /** How many actual connections there are, closing ones included. */
  readonly size: number;
  /** How many actual connections there may be. */
  readonly connectionLimit: number;
  /** For how many the server seems to have room; the limit while the pool knows of no lack. */
  readonly ceiling: number;
  /** How many targets the pool knows at present. */
  readonly targets: number;
}

/** Returns the counts of a pool. */
export function countsOf(pool: PoolState): ConnectionCounts {
  const { idle, leased, connecting, checking, resetting, retargeting, closing } = pool;
  const { connectionLimit } = pool.policy;
  return {
    idle,
    leased,
    connecting,
    checking,
    resetting,
    retargeting,
    closing,
    phase: pool.phase,
    waiting: pool.waiting,
    blocked: pool.blocked,
    size: sizeOf(pool.actuals),
    connectionLimit: connectionLimit,
    ceiling: pool.congestion?.ceiling ?? connectionLimit,
    targets: sizeOf(pool.targets),
  };
}
