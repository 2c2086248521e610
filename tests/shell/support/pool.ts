/** A pool that runs on the fake server, with a clock that the test moves. */

import assert from "node:assert/strict";
import { createSubletPool } from "../../../src/shell/compose.ts";
import { SubletError } from "../../../src/shell/errors.ts";
import type { PoolOptions } from "../../../src/shell/options.ts";
import type { MainPool } from "../../../src/shell/main_pool.ts";
import type { Lease } from "../../../src/shell/lease.ts";
import type { VirtualConnection } from "../../../src/shell/virtual_connection.ts";
import { FakeConnector, type FakeDriver, type FakeTarget, type Seen } from "./fake_connector.ts";
import { backendOf } from "./backend.ts";
import { ManualClock, settled } from "./manual_clock.ts";

export type FakePool<Name extends string> = MainPool<
  Name,
  FakeTarget,
  FakeDriver,
  Partial<FakeTarget>
>;
export type FakeVirtual = VirtualConnection<FakeTarget, FakeDriver>;
export type FakeLease = Lease<FakeDriver>;

/** A pool, its connector and its clock. */
export interface World<Name extends string> {
  readonly db: FakePool<Name>;
  readonly connector: FakeConnector;
  readonly clock: ManualClock;
}

/** Creates a pool, which is not shared unless the options say so. */
export function createWorld<const Name extends string = "main">(
  options: PoolOptions<Name, Partial<FakeTarget>> & Partial<FakeTarget> = {},
  connector: FakeConnector = new FakeConnector(),
): World<Name> {
  const clock = new ManualClock();
  const db = createSubletPool<Name, FakeTarget, FakeDriver, Partial<FakeTarget>>(
    { shared: false, ...options },
    backendOf(connector, clock),
  );
  return { db, connector, clock };
}

// One pool, which opens no connection, begins and ends before the first test.
await createWorld().db.drain();

/** Runs a statement and returns its row, which describes the session that ran it. */
export async function seen(
  virtual: { query: FakeVirtual["query"] },
  sql = "SELECT",
  options: { signal?: AbortSignal; timeout?: number } = {},
): Promise<Seen> {
  const [rows] = await virtual.query<Seen[]>(sql, undefined, options);
  const [row] = rows;
  assert.ok(row);
  return row;
}

/** Expects a promise to reject with a `SubletError` of this code, and returns the error. */
export async function refused(promise: Promise<unknown>, code: string): Promise<SubletError> {
  const error: unknown = await promise.then(() => undefined, (error) => error);
  assert.ok(error instanceof SubletError, `expected ${code}: received ${error}`);
  assert.equal(error.code, code);
  return error;
}

/** Drains a pool and expects that no connection, waiter or alarm is left. */
export async function endsEmpty({ db, connector, clock }: World<string>): Promise<void> {
  const drained = db.drain();
  await settled();
  await drained;
  const { phase, size, waiting } = db.stats();
  assert.deepEqual({ phase, size, waiting }, { phase: "closed", size: 0, waiting: 0 });
  assert.equal(connector.open.length, 0);
  assert.equal(clock.alarms, 0);
}
