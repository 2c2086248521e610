/**
 * What belongs to one caller of `createPool`, where several have the same pool: the work that was
 * begun through it, and its listeners.
 *
 * Whatever works through a handle leads to it: its `Pool`, virtual connections, methods, units
 * and leases. Nothing that the handles share does, so that one which nobody can use any more is
 * collected as garbage, and counts as drained then.
 */

import { Admission, type Tally } from "./admission.ts";
import { Listeners, type News } from "./news.ts";

/** One caller's part in a pool. */
export class Handle<Driver> extends Admission {
  /** Those whom it tells of the pool. */
  readonly listeners: Listeners<Driver>;
  readonly #leave: () => boolean;
  readonly #isLast: () => boolean;
  #endsAll = false;

  /**
   * Creates a handle.
   *
   * @param pool What counts the work of all handles.
   * @param tally What its units are counted in.
   * @param news What is told of the pool.
   * @param leave Counts it out, the first time, and tells whether all ends with it.
   * @param isLast Tells whether it is the only one that has not been counted out.
   * @param isWeak Whether it may be collected as garbage.
   */
  constructor(
    pool: Admission,
    tally: Tally,
    news: News<Driver>,
    leave: () => boolean,
    isLast: () => boolean,
    isWeak: boolean,
  ) {
    super(pool, tally);
    this.listeners = new Listeners(news, isWeak);
    this.#leave = leave;
    this.#isLast = isLast;
  }

  /** Whether what the handles share ends with it, as it was the last to be drained. */
  get endsAll(): boolean {
    return this.#endsAll;
  }

  /** Whether what the handles share would end with it. */
  get isLast(): boolean {
    return this.#endsAll || this.#isLast();
  }

  /** Is one of the pool's handles no more, as it is drained. */
  leavePool(): void {
    if (this.#leave()) this.#endsAll = true;
  }
}
