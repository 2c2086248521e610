/**
 * What is known of the views and triggers behind the names in statements: whether they leave
 * nothing. The text of a statement does not tell what they run, so the server is asked for their
 * texts when a connection is released, at most once a minute for each name.
 */

import {
  type Asking,
  askOfObjects,
  type Behind,
  behindNames,
  folded,
  nothingBehind,
  type StoredObject,
} from "./stored_object_texts.ts";
import type { Target } from "./target.ts";

/** How long it holds what was asked, in ms: others may create views and triggers meanwhile. */
const knownMsMax = 60_000;
/** How many names and targets are remembered. */
const namesMax = 10_000;
const targetsMax = 1000;

/** What holds for a while. */
interface Dated {
  readonly behind: Behind;
  readonly until: number;
}

/** What is known of the views and triggers that one target's statements can run. */
export class StoredObjects {
  readonly #isShared: boolean;
  readonly #found: Map<string, Dated> = new Map();
  /** What is behind the names of a statement, by their list. */
  #ofLists: WeakMap<readonly string[], Dated> = new WeakMap();
  #asking: Promise<void> | undefined;
  /** How often all was forgotten. */
  #age = 0;

  /** Knows nothing yet; `isShared` says whether one session may wait for what another asks. */
  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  /** Forgets all. */
  forget(): void {
    this.#age++;
    this.#found.clear();
    this.#ofLists = new WeakMap();
  }

  /** Returns what is behind some names, as far as it is known. */
  behind(names: readonly string[]): Behind {
    if (names.length === 0) return nothingBehind;
    const now = performance.now();
    const known = this.#ofLists.get(names);
    if (known !== undefined && known.until > now) return known.behind;
    const dated = this.#find(names, now);
    if (dated.behind.unknown.length === 0) this.#ofLists.set(names, dated);
    return dated.behind;
  }

  /**
   * Asks the server what some names are, unless another session has asked meanwhile; returns what
   * is behind them.
   */
  async learn(asking: Asking, names: ReadonlySet<string>): Promise<Behind> {
    for (;;) {
      const { behind } = this.#find(names, performance.now());
      if (behind.unknown.length === 0) return behind;
      // If that fails, it is this session's turn.
      if (this.#isShared && this.#asking !== undefined) await this.#asking.catch(() => undefined);
      else await this.#share(this.#ask(asking, behind.unknown));
    }
  }

  #find(names: Iterable<string>, now: number): Dated {
    let { reason, runsTriggers } = nothingBehind;
    const unknown: string[] = [];
    let until = Infinity;
    for (const name of names) {
      const found = this.#found.get(name);
      if (found === undefined || found.until <= now) {
        unknown.push(name);
        continue;
      }
      reason ??= found.behind.reason;
      runsTriggers ||= found.behind.runsTriggers;
      until = Math.min(until, found.until);
    }
    return { behind: { reason, runsTriggers, unknown }, until };
  }

  async #share(asking: Promise<void>): Promise<void> {
    this.#asking = asking;
    try {
      await asking;
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  /** Asks what some names are, and those in the texts of what they are. */
  async #ask(asking: Asking, unknown: readonly string[]): Promise<void> {
    const age = this.#age;
    const until = performance.now() + knownMsMax;
    const names = new Set(unknown);
    const objects: StoredObject[] = [];
    for (let asked: ReadonlySet<string> = names; asked.size > 0;) {
      const found = await askOfObjects(asking, asked, names);
      objects.push(...found);
      asked = new Set(found.flatMap(({ used }) => used).filter((name) => !names.has(name)));
      for (const name of asked) names.add(name);
    }
    // What was made meanwhile may not be in the answer.
    if (age !== this.#age) return;
    const behind = behindNames(objects);
    if (this.#found.size + names.size > namesMax) this.#found.clear();
    for (const name of names) {
      this.#found.set(name, { behind: behind.get(folded(name)) ?? nothingBehind, until });
    }
  }
}

/** What is known of views and triggers, by the targets whose statements can run them. */
export class StoredObjectsOfTargets {
  readonly #isShared: boolean;
  readonly #known: Map<string, StoredObjects> = new Map();

  /** Knows nothing yet; `isShared` says whether one session may wait for what another asks. */
  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  /** Returns what is known for a target. */
  of({ key }: Target): StoredObjects {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= targetsMax) this.#known.clear();
    const objects = new StoredObjects(this.#isShared);
    this.#known.set(key, objects);
    return objects;
  }

  /** Forgets all, as a view, a trigger or a function was made, changed or dropped. */
  forget(): void {
    for (const objects of this.#known.values()) objects.forget();
  }
}
