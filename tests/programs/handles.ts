/**
 * The handles that `transaction` and `unit` pass to their callbacks, and the choice of the handle,
 * lease or connection that runs a statement.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Lease, LeaseOptions, TransactionOptions } from "../../mod.ts";
import { type LeaseStep, nameOf, type StatementStep, type TransactionStep } from "./program.ts";
import type { Standing } from "./record.ts";

/** Runs a function outside of any async context. */
export const outside: <T>(fn: () => T) => T = AsyncLocalStorage.snapshot();

/** Options of a statement. */
interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number;
}

/** An object that runs statements. */
export interface Runs {
  query(sql: string, values?: unknown[], options?: Options): Promise<[rows: object, ...unknown[]]>;
  execute(
    sql: string,
    values?: unknown[],
    options?: Options,
  ): Promise<[rows: object, ...unknown[]]>;
}

/** An object that also begins transactions and takes leases. */
export interface Handle extends Runs {
  transaction<T>(fn: (handle?: unknown) => Promise<T>, options?: TransactionOptions): Promise<T>;
  lease(options?: LeaseOptions): Promise<Lease>;
}

/** The unit, transactions and lease around running code. */
export interface Place extends Standing {
  readonly unit: Handle | undefined;
  readonly transactions: ReadonlyMap<number, Handle | undefined>;
  readonly lease: Lease | undefined;
}

/** Returns the argument of a callback as a handle, if the pool passed one. */
export function handleOf(given: unknown): Handle | undefined {
  return typeof given === "object" && given !== null ? given as Handle : undefined;
}

/** Returns the handle of a virtual connection in the unit of a handle. */
function throughUnit(unit: Handle | undefined, name: string): Handle | undefined {
  if (unit === undefined || !("connection" in unit)) return undefined;
  const { connection } = unit as { connection: unknown };
  return typeof connection === "function" ? connection.call(unit, name) : undefined;
}

/** Returns the handle of the transaction around code, or else of its unit. */
export function handleAt(on: number, { transactions, unit }: Place): Handle | undefined {
  return transactions.has(on) ? transactions.get(on) : throughUnit(unit, nameOf(on));
}

/** Returns the handle or lease that runs a statement, or else the connection, by its context. */
export function throughOf({ by, on }: StatementStep, place: Place, byContext: Runs): Runs {
  if (by === undefined) return byContext;
  return (by === "lease" ? place.lease : handleAt(on, place)) ?? byContext;
}

/** Returns the object that begins a transaction or takes a lease, and how to call it. */
export function askedOf(
  { by, on }: TransactionStep | LeaseStep,
  place: Place,
  byContext: Handle,
): { readonly connection: Handle; run<T>(fn: () => T): T } {
  const handle = by === undefined ? undefined : handleAt(on, place);
  const run = by === "outside" && handle !== undefined ? outside : <T>(fn: () => T): T => fn();
  return { connection: handle ?? byContext, run };
}
