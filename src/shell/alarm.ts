/** Alarms that are set again and again, and things that are all given the same time. */

import type { Clock, Instant } from "../port.ts";
import type { Neutral } from "./process_ref.ts";

/**
 * Rings when the deadline has come. Nearly every step moves that further away. So an alarm that
 * would ring too soon is left to ring, which costs nothing, and is then set anew; only a nearer
 * deadline sets it at once.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #neutral: Neutral;
  readonly #ring: () => void;
  #deadline: Instant | undefined;
  #ringsAt: Instant = Infinity;
  #cancel: (() => void) | undefined;

  /** Creates an alarm that is not set. */
  constructor(clock: Clock, neutral: Neutral, ring: () => void) {
    this.#clock = clock;
    this.#neutral = neutral;
    this.#ring = ring;
  }

  /** Lets it ring at `deadline`, or not at all. */
  set(deadline: Instant | undefined): void {
    this.#deadline = deadline;
    if (deadline === undefined || deadline >= this.#ringsAt) return;
    this.#cancel?.();
    this.#arm(deadline);
  }

  /** Lets it ring no more, and keeps no timer. */
  clear(): void {
    this.#deadline = undefined;
    this.#ringsAt = Infinity;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(at: Instant): void {
    this.#ringsAt = at;
    this.#cancel = this.#neutral(() => this.#clock.alarm(at, () => this.#wake()));
  }

  #wake(): void {
    this.#ringsAt = Infinity;
    this.#cancel = undefined;
    if (this.#deadline === undefined) return;
    if (this.#clock.now() >= this.#deadline) this.#ring();
    else this.#arm(this.#deadline);
  }
}

/** What can be counted: a link of the list of those that are. */
export interface TimeoutLink<T> {
  /** The one that comes due before it. */
  before: T | undefined;
  /** The one that comes due after it. */
  after: T | undefined;
  /** When it comes due; undefined while it is not counted. */
  due: Instant | undefined;
}

/**
 * Counts the time of each. They come due in the order in which they were added. So one alarm
 * serves any number of them, and they form a list by themselves: to add and to remove one costs
 * next to nothing.
 */
export class Countdown<T extends TimeoutLink<T>> {
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #expired: (item: T) => void;
  readonly #alarm: Alarm;
  #first: T | undefined;
  #last: T | undefined;

  /** Creates one that gives each `durationMs` and calls `expired` with those whose time is up. */
  constructor(clock: Clock, neutral: Neutral, durationMs: number, expired: (item: T) => void) {
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#expired = expired;
    this.#alarm = new Alarm(clock, neutral, () => this.#ring());
  }

  /** Begins to count the time of one, from now on. */
  add(item: T, now: Instant): void {
    const due = now + this.#durationMs;
    item.due = due;
    item.before = this.#last;
    if (this.#last !== undefined) this.#last.after = item;
    else {
      this.#first = item;
      if (due !== Infinity) this.#alarm.set(due);
    }
    this.#last = item;
  }

  /** Counts its time no more. */
  delete(item: T): void {
    if (item.due === undefined) return;
    this.#unlink(item);
    if (this.#first === undefined) this.#alarm.clear();
  }

  /** Returns all that are counted, in their order. */
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
    this.#alarm.clear();
    for (let item = this.#first; item?.due !== undefined; item = this.#first) {
      if (now < item.due) {
        this.#alarm.set(item.due);
        return;
      }
      this.#unlink(item);
      this.#expired(item);
    }
  }
}
