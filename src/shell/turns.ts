/** Turns of those who use one thing one after another, in the order in which they came. */

import type { Interpreter } from "./interpreter.ts";
import { type Limits, until } from "./wait.ts";

/** A turn that somebody has taken. */
export interface Turn {
  /** Waits until those who came before have had theirs; rejects when the limits are reached. */
  come<Target, Driver>(interpreter: Interpreter<Target, Driver>, limits: Limits): Promise<void>;
  /** Lets the next one come. */
  end(): void;
}

/** Gives turns. */
export class Turns {
  #last: Promise<void> | undefined;

  /** Takes the next turn; whoever takes one ends it, whatever comes. */
  take(): Turn {
    let before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    return {
      async come(interpreter, limits) {
        if (before === undefined) return;
        await until(interpreter, before, limits);
        before = undefined;
      },
      end: () => {
        if (this.#last === promise) this.#last = before;
        if (before === undefined) resolve();
        else before.then(resolve);
      },
    };
  }
}
