/**
 * Counts the work of a pool, and of each handle of it, and refuses new work once it drains.
 *
 * A unit of work that is under way may need further leases until its end. So a pool that drains
 * first refuses new units, and makes the core drain only when the last unit has ended. A unit
 * that a handle counts is also counted by its pool, and a closed pool closes all its handles.
 */

import { SubletError } from "./errors.ts";

/** A count of units, which holds no reference to any of them. */
export interface Tally {
  /** The number of units under way. */
  units: number;
}

/** Counts the units of work that are under way. */
export class Admission {
  /** Why the pool refuses new work, for the error message, if the reason is not a drain. */
  why: string | undefined;
  #empty: PromiseWithResolvers<void> | undefined;
  readonly #exempt = new Set<object>();
  readonly #pool: Admission | undefined;
  readonly #tally: Tally;
  #requests = 0;
  #isClosed = false;
  #isRefusing = false;

  /** Counts for a pool or, given `pool`, for a handle of it: into `tally`, and for the pool. */
  constructor(pool?: Admission, tally: Tally = { units: 0 }) {
    this.#pool = pool;
    this.#tally = tally;
  }

  /** Whether new work is refused. */
  get isClosed(): boolean {
    return this.#isClosed || (this.#pool?.isClosed ?? false);
  }

  /** Whether {@linkcode close} was called on this object itself, not only on its pool. */
  get isClosedItself(): boolean {
    return this.#isClosed;
  }

  /** Whether work under way gets no further lease either. */
  get isRefusing(): boolean {
    return this.#isRefusing;
  }

  /** Fulfilled when this is closed, and all counted work except the exempt units has ended. */
  get empty(): Promise<void> {
    this.#empty ??= Promise.withResolvers();
    this.#look();
    return this.#empty.promise;
  }

  /** Throws `POOL_DRAINING` if new work is refused. */
  check(): void {
    if (!this.isClosed) return;
    const why = this.#pool?.isClosed === false
      ? "this pool object has been drained; createPool makes another one"
      : this.#pool?.why ?? this.why ?? "the pool is ending";
    const message = `Cannot begin work as ${why}`;
    throw new SubletError("POOL_DRAINING", "unit", message);
  }

  /** Counts a unit that begins. */
  enter(): void {
    this.#tally.units++;
    this.#pool?.enter();
  }

  /** Uncounts a unit that has ended. */
  leave(unit: object): void {
    this.#tally.units--;
    this.#exempt.delete(unit);
    if (this.#isClosed) this.#look();
    this.#pool?.leave(unit);
  }

  /** Uncounts the units of a garbage-collected handle, as nothing can end them any more. */
  forget({ units }: Tally): void {
    this.#tally.units -= units;
    this.#look();
  }

  /** Counts a request until its lease has ended. Not for the pool: the core counts its requests. */
  enterRequest(): void {
    this.#requests++;
  }

  /** Uncounts a request. */
  leaveRequest(): void {
    this.#requests--;
    if (this.#isClosed) this.#look();
  }

  /** Refuses new work from now on. */
  close(): void {
    this.#isClosed = true;
    this.#look();
  }

  /** Refuses leases from now on, even to work under way. */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** Does not wait for a unit that itself waits for the drain, except for the leases it holds. */
  exempt(unit: { readonly isEnded: boolean }): void {
    if (!unit.isEnded) this.#exempt.add(unit);
    this.#look();
  }

  #look(): void {
    if (!this.#isClosed || this.#requests > 0) return;
    if (this.#tally.units === this.#exempt.size) this.#empty?.resolve();
  }
}
