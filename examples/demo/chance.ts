/** Repeatable random numbers: the same seed gives the same numbers (mulberry32). */

/** A sequence of pseudo-random numbers from a seed. */
export class Chance {
  #state: number;

  /** Starts the sequence of a seed. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns a number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Returns a whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** Returns one of several choices. */
  pick<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.next() * choices.length)];
    if (choice === undefined) throw new RangeError("Cannot pick one of none");
    return choice;
  }

  /** Returns another sequence, which follows from this one. */
  fork(): Chance {
    return new Chance(this.between(0, 2 ** 32 - 1));
  }
}
