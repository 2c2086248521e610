/**
 * The handles that `transaction` and `unit` give to the code that they run, and what a statement
 * can be run through.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Lease, LeaseOptions, TransactionOptions } from "../../mod.ts";
import { type LeaseStep, nameOf, type StatementStep, type TransactionStep } from "./program.ts";
import type { Standing } from "./record.ts";

/** Runs what it is given outside of any context. */
export const outside: <T>(fn: () => T) => T = AsyncLocalStorage.snapshot();

/** Options of a statement. */
interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number;
}

/** What runs statements. */
export interface Runs {
  query(sql: string, values?: unknown[], options?: Options): Promise<[rows: object, ...unknown[]]>;
  execute(
    sql: string,
    values?: unknown[],
    options?: Options,
  ): Promise<[rows: object, ...unknown[]]>;
}

/** What also begins transactions and takes leases. */
export interface Handle extends Runs {
  transaction<T>(fn: (handle?: unknown) => Promise<T>, options?: TransactionOptions): Promise<T>;
  lease(options?: LeaseOptions): Promise<Lease>;
}

/** Where code stands. */
export interface Place extends Standing {
  readonly unit: Handle | undefined;
  readonly transactions: ReadonlyMap<number, Handle | undefined>;
  readonly lease: Lease | undefined;
}

/** Returns a handle, if the code was given one. */
export function handleOf(given: unknown): Handle | undefined {
  return typeof given === "object" && given !== null ? given as Handle : undefined;
}

/** Returns what runs statements through a virtual connection in the unit of a handle. */
function throughUnit(unit: Handle | undefined, name: string): Handle | undefined {
  if (unit === undefined || !("connection" in unit)) return undefined;
  const { connection } = unit as { connection: unknown };
  return typeof connection === "function" ? connection.call(unit, name) : undefined;
}

/** Returns the handle of the transaction, or else of the unit, that code is in. */
export function handleAt(on: number, { transactions, unit }: Place): Handle | undefined {
  return transactions.has(on) ? transactions.get(on) : throughUnit(unit, nameOf(on));
}

/** Returns what a statement is run through: where there is no handle or lease, the context does. */
export function throughOf({ by, on }: StatementStep, place: Place, byContext: Runs): Runs {
  if (by === undefined) return byContext;
  return (by === "lease" ? place.lease : handleAt(on, place)) ?? byContext;
}

/** Returns what a transaction or a lease is asked of, and what runs the code that asks. */
export function askedOf(
  { by, on }: TransactionStep | LeaseStep,
  place: Place,
  byContext: Handle,
): { readonly connection: Handle; run<T>(fn: () => T): T } {
  const handle = by === undefined ? undefined : handleAt(on, place);
  const run = by === "outside" && handle !== undefined ? outside : <T>(fn: () => T): T => fn();
  return { connection: handle ?? byContext, run };
}
