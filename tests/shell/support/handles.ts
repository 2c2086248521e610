/** Several handles of one pool that runs on the fake server. */

import { createSubletPool } from "../../../src/shell/compose.ts";
import type { PoolOptions } from "../../../src/shell/options.ts";
import { FakeConnector, type FakeDriver, type FakeTarget } from "./fake_connector.ts";
import { backendOf } from "./backend.ts";
import { ManualClock } from "./manual_clock.ts";
import type { FakePool } from "./pool.ts";

/** Two handles of one pool, with its connector and its clock. */
export interface Shared {
  readonly one: FakePool<"main">;
  readonly other: FakePool<"main">;
  /** Creates another handle of the pool. */
  readonly another: () => FakePool<"main">;
  readonly connector: FakeConnector;
  readonly clock: ManualClock;
}

let count = 0;

/** Creates two handles of a pool that no other call returns handles of. */
export function createShared(
  options: PoolOptions<"main", Partial<FakeTarget>> & Partial<FakeTarget> = {},
): Shared {
  const [connector, clock] = [new FakeConnector(), new ManualClock()];
  const backend = backendOf(connector, clock);
  const definition = { host: `handles ${count++}`, ...options };
  const another = (): FakePool<"main"> =>
    createSubletPool<"main", FakeTarget, FakeDriver, Partial<FakeTarget>>(definition, backend);
  return { one: another(), other: another(), another, connector, clock };
}

/** Returns an object whose `isDone` becomes true when the promise is fulfilled. */
export function watched(promise: Promise<unknown>): { readonly isDone: boolean } {
  const state = { isDone: false };
  promise.then(() => state.isDone = true);
  return state;
}
