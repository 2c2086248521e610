/**
 * Who may still begin work when a pool, or one handle of it, ends.
 *
 * A unit of work that is under way may need further leases until its end. So a pool that
 * drains lets nobody else begin, and has the core drain only when the last unit has ended. What
 * is counted for a handle is counted for its pool as well, and a pool that has closed has closed
 * all its handles.
 */

import { SubletError } from "./errors.ts";

/** How many units are counted; it leads to none of them. */
export interface Tally {
  /** How many. */
  units: number;
}

/** Counts the units of work that are under way. */
export class Admission {
  /** Why nobody may begin any more, if that is not for a drain. */
  why: string | undefined;
  #empty: PromiseWithResolvers<void> | undefined;
  readonly #exempt = new Set<object>();
  readonly #pool: Admission | undefined;
  readonly #tally: Tally;
  #requests = 0;
  #isClosed = false;
  #isRefusing = false;

  /** Counts for a pool; or into `tally` for a handle of one, which counts the same. */
  constructor(pool?: Admission, tally: Tally = { units: 0 }) {
    this.#pool = pool;
    this.#tally = tally;
  }

  /** Whether nobody may begin any more. */
  get isClosed(): boolean {
    return this.#isClosed || (this.#pool?.isClosed ?? false);
  }

  /** Whether it was closed itself, and not only the pool that it is a part of. */
  get isClosedItself(): boolean {
    return this.#isClosed;
  }

  /** Whether what is under way gets no lease any more. */
  get isRefusing(): boolean {
    return this.#isRefusing;
  }

  /** Fulfilled when nobody may begin and all that is counted has ended, except the exempt. */
  get empty(): Promise<void> {
    this.#empty ??= Promise.withResolvers();
    this.#look();
    return this.#empty.promise;
  }

  /** Lets work begin, or throws as it comes too late. */
  check(): void {
    if (!this.isClosed) return;
    const why = this.#pool?.isClosed === false
      ? "this pool object has been drained; createPool makes another one"
      : this.#pool?.why ?? this.why ?? "the pool is ending";
    const message = `Cannot begin work as ${why}`;
    throw new SubletError("POOL_DRAINING", "unit", message);
  }

  /** Counts a unit in. */
  enter(): void {
    this.#tally.units++;
    this.#pool?.enter();
  }

  /** Counts a unit out. */
  leave(unit: object): void {
    this.#tally.units--;
    this.#exempt.delete(unit);
    if (this.#isClosed) this.#look();
    this.#pool?.leave(unit);
  }

  /** Counts units out that were collected as garbage, as they could never have ended. */
  forget({ units }: Tally): void {
    this.#tally.units -= units;
    this.#look();
  }

  /** Counts a request in, until its lease has ended; the core counts those of the pool. */
  enterRequest(): void {
    this.#requests++;
  }

  /** Counts a request out. */
  leaveRequest(): void {
    this.#requests--;
    if (this.#isClosed) this.#look();
  }

  /** Lets nobody begin any more. */
  close(): void {
    this.#isClosed = true;
    this.#look();
  }

  /** Gives no lease any more, not even to what is under way. */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** Does not wait for a unit, as it waits for the end itself; but for the leases that it holds. */
  exempt(unit: { readonly isEnded: boolean }): void {
    if (!unit.isEnded) this.#exempt.add(unit);
    this.#look();
  }

  #look(): void {
    if (!this.#isClosed || this.#requests > 0) return;
    if (this.#tally.units === this.#exempt.size) this.#empty?.resolve();
  }
}
