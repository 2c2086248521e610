/** How many there are of what, for metrics and for people. */

import type { Phase, PoolState, Status } from "./state.ts";
import { sizeOf } from "./table.ts";

/** A count of a pool's actual connections and of those who wait for one. */
export interface ConnectionCounts extends Record<Status, number> {
  /** Whether the pool grants leases, is paused, ends, or is closed. */
  readonly phase: Phase;
  /** How many requests wait. */
  readonly waiting: number;
  /** How many of them wait behind the limit of their virtual connection. */
  readonly blocked: number;
  /** How many actual connections there are, closing ones included. */
  readonly size: number;
  /** How many there may be. */
  readonly connectionLimit: number;
  /** How many the server is thought to bear; the limit, if it has never refused one. */
  readonly ceiling: number;
  /** How many targets are known at present. */
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
