/** Timers: one for a deadline that moves at each step, and one for many equal timeouts. */

import type { Clock, Instant } from "../port/session.ts";
import type { RunDetached } from "./process_ref.ts";

/**
 * Calls back at a deadline. Nearly every step moves the deadline further away. Then the timer stays
 * as it is: it fires too early, which costs nothing, and is set again. Only a nearer deadline sets
 * the timer at once.
 */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #runDetached: RunDetached;
  readonly #ring: () => void;
  #deadline: Instant | undefined;
  #ringsAt: Instant = Infinity;
  #cancel: (() => void) | undefined;

  /** Creates a timer without a deadline. */
  constructor(clock: Clock, runDetached: RunDetached, ring: () => void) {
    this.#clock = clock;
    this.#runDetached = runDetached;
    this.#ring = ring;
  }

  /** Sets or removes the deadline. */
  set(deadline: Instant | undefined): void {
    this.#deadline = deadline;
    if (deadline === undefined || deadline >= this.#ringsAt) return;
    this.#cancel?.();
    this.#arm(deadline);
  }

  /** Removes the deadline, and clears the timer. */
  clear(): void {
    this.#deadline = undefined;
    this.#ringsAt = Infinity;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(at: Instant): void {
    this.#ringsAt = at;
    this.#cancel = this.#runDetached(() => this.#clock.alarm(at, () => this.#wake()));
  }

  #wake(): void {
    this.#ringsAt = Infinity;
    this.#cancel = undefined;
    if (this.#deadline === undefined) return;
    if (this.#clock.now() >= this.#deadline) this.#ring();
    else this.#arm(this.#deadline);
  }
}

/** An item of a {@linkcode TimeoutQueue}: a node of its linked list. */
export interface TimeoutLink<T> {
  /** The previous item in the queue. */
  before: T | undefined;
  /** The next item in the queue. */
  after: T | undefined;
  /** When its timeout ends; undefined while it is in no queue. */
  due: Instant | undefined;
}

/**
 * Gives each item the same timeout. So timeouts end in the order in which items were added: one
 * timer serves all, and the items form a linked list, in which adding and removing cost hardly
 * anything.
 */
export class TimeoutQueue<T extends TimeoutLink<T>> {
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #expired: (item: T) => void;
  readonly #timer: DeadlineTimer;
  #first: T | undefined;
  #last: T | undefined;

  /** Creates a queue that calls `expired` with each item that has been in it for `durationMs`. */
  constructor(
    clock: Clock,
    runDetached: RunDetached,
    durationMs: number,
    expired: (item: T) => void,
  ) {
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#expired = expired;
    this.#timer = new DeadlineTimer(clock, runDetached, () => this.#ring());
  }

  /** Adds an item, whose timeout begins at `now`. */
  add(item: T, now: Instant): void {
    const due = now + this.#durationMs;
    item.due = due;
    item.before = this.#last;
    if (this.#last !== undefined) this.#last.after = item;
    else {
      this.#first = item;
      if (due !== Infinity) this.#timer.set(due);
    }
    this.#last = item;
  }

  /** Removes an item, if it is in the queue. */
  delete(item: T): void {
    if (item.due === undefined) return;
    this.#unlink(item);
    if (this.#first === undefined) this.#timer.clear();
  }

  /** Returns the items in their order. */
  all(): T[] {
    const items: T[] = [];
    for (let item = this.#first; item !== undefined; item = item.after) items.push(item);
    return items;
  }

  #unlink(item: T): void {
    const { before, after } = item;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    item.before = item.after = item.due = undefined;
  }

  #ring(): void {
    const now = this.#clock.now();
    this.#timer.clear();
    for (let item = this.#first; item?.due !== undefined; item = this.#first) {
      if (now < item.due) {
        this.#timer.set(item.due);
        return;
      }
      this.#unlink(item);
      this.#expired(item);
    }
  }
}
