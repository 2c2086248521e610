/**
 * What the handles of one pool share.
 *
 * It knows how many handles there are, and ends what they share with the last one.
 */

import { Admission, type Tally } from "./admission.ts";
import type { Definition } from "./definition.ts";
import { Handle } from "./handle.ts";
import type { News } from "./news.ts";
import { SharedParts } from "./realms.ts";

/** Hears of each handle that was collected as garbage; made with the first that may be. */
let collected: FinalizationRegistry<() => void> | undefined;

/** A pool, as its handles share it. */
export class SharedPool<Target, Driver> {
  /** What runs it. */
  readonly parts: SharedParts<Target, Driver>;
  readonly #news: News<Driver>;
  /** Whether handles are collected as garbage: not where that happens outside of any request. */
  readonly #isWatched: boolean;
  /** Has `createPool` not find it any more, if it does. */
  readonly #remove: (() => void) | undefined;
  #handles = 0;
  #isEnding = false;

  /** Creates a pool in the async context to which its connections belong. */
  constructor(definition: Definition<Target, Driver>, remove?: () => void) {
    this.parts = new SharedParts(definition, new Admission());
    this.#news = definition.news;
    this.#isWatched = definition.foundation.lifespan !== "unit";
    this.#remove = remove;
  }

  /** Returns a handle of it. */
  join(): Handle<Driver> {
    const { admission } = this.parts;
    const leave = this.#enter();
    const tally: Tally = { units: 0 };
    const isLast = (): boolean => this.#handles === 1;
    const handle = new Handle(admission, tally, this.#news, leave, isLast, this.#isWatched);
    if (!this.#isWatched) return handle;
    collected ??= new FinalizationRegistry((end) => end());
    collected.register(handle, () => {
      admission.forget(tally);
      if (leave()) void this.parts.end();
    });
    return handle;
  }

  /** Ends it for all its handles; whoever asks for something from then on is told why. */
  async end(why: string): Promise<void> {
    this.parts.admission.why ??= why;
    this.#beginEnd();
    await this.parts.end();
  }

  /** Counts a handle; returns what counts it out, and tells whether all ends with it. */
  #enter(): () => boolean {
    let isIn = true;
    this.#handles++;
    return () => {
      if (!isIn) return false;
      isIn = false;
      if (--this.#handles === 0) this.#beginEnd();
      return this.#isEnding;
    };
  }

  #beginEnd(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#remove?.();
  }
}
