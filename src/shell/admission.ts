/**
 * Who may still begin work when a pool ends.
 *
 * A unit of work that is under way may need further leases until its end. So a pool that
 * drains lets nobody else begin, and has the core drain only when the last unit has ended.
 */

import { SubletError } from "./errors.ts";

/** Counts the units of work that are under way. */
export class Admission {
  readonly #empty: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #exempt = new Set<object>();
  #units = 0;
  #isClosed = false;

  /** Whether nobody may begin any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Fulfilled when nobody may begin and all units have ended, but for the exempt. */
  get empty(): Promise<void> {
    return this.#empty.promise;
  }

  /** Lets work begin, or says that it comes too late. */
  check(): void {
    if (this.#isClosed) {
      throw new SubletError("POOL_DRAINING", "unit", "Cannot begin work as the pool is ending");
    }
  }

  /** Counts a unit in. */
  enter(): void {
    this.#units++;
  }

  /** Counts a unit out. */
  leave(unit: object): void {
    this.#units--;
    this.#exempt.delete(unit);
    this.#look();
  }

  /** Lets nobody begin any more. */
  close(): void {
    this.#isClosed = true;
    this.#look();
  }

  /** Does not wait for a unit, as it waits for the end of the pool itself. */
  exempt(unit: { readonly isEnded: boolean }): void {
    if (!unit.isEnded) this.#exempt.add(unit);
    this.#look();
  }

  #look(): void {
    if (this.#isClosed && this.#units === this.#exempt.size) this.#empty.resolve();
  }
}
