/**
 * What is known of the views and triggers behind the names in statements: whether they leave
 * nothing. The text of a statement does not tell what they run, so the server is asked for their
 * texts when a connection is released, at most once a minute for each name.
 */

import type { Connection } from "mysql2";
import type { Analyser, Analysis } from "./statement.ts";
import { askOfObjects, reasonsOf, type StoredObject } from "./stored_object_texts.ts";
import type { Target } from "./target.ts";

/** How long it holds what was asked, in ms: others may create views and triggers meanwhile. */
const knownMsMax = 60_000;
/** How many names and targets are remembered. */
const namesMax = 10_000;
const targetsMax = 1000;
/** How many names that were asked for before are asked for anew at once. */
const renewedMax = 500;

/** What was found of a name. */
interface Found {
  /** Why what has this name may leave something; undefined if it leaves nothing. */
  readonly reason: string | undefined;
  /** Until when that holds. */
  readonly until: number;
}

/** What is known of the views and triggers that one target's statements can run. */
export class StoredObjects {
  readonly #isShared: boolean;
  readonly #found: Map<string, Found> = new Map();
  /** Whether there may be any that servers do not come with. */
  #areThere = true;
  #askedUntil = 0;
  #asking: Promise<void> | undefined;

  /** Knows nothing yet; `isShared` says whether one session may wait for what another asks. */
  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  /** Forgets all, as a view, a trigger or a function was made, changed or dropped. */
  forget(): void {
    this.#areThere = true;
    this.#askedUntil = 0;
    this.#found.clear();
  }

  /**
   * Returns why what a statement runs behind its names may leave something, if so. Names of which
   * nothing is known are added to `unknown`.
   */
  judge({ namesSystem, tableNames }: Analysis, unknown: Set<string>): string | undefined {
    const now = performance.now();
    return this.#canRun(namesSystem, now) ? this.#judge(tableNames(), unknown, now) : undefined;
  }

  /**
   * Asks the server what some names are, unless another session has asked meanwhile; returns why
   * what runs behind them may leave something, if so.
   */
  async learn(
    driver: Connection,
    analyser: Analyser,
    names: ReadonlySet<string>,
  ): Promise<string | undefined> {
    for (;;) {
      const now = performance.now();
      if (!this.#canRun([...names].some(isSystem), now)) return undefined;
      const unknown = new Set<string>();
      const reason = this.#judge(names, unknown, now);
      if (unknown.size === 0) return reason;
      // If that fails, it is this session's turn.
      if (this.#isShared && this.#asking !== undefined) await this.#asking.catch(() => undefined);
      else await this.#share(this.#ask(driver, analyser, unknown, now + knownMsMax));
    }
  }

  #canRun(namesSystem: boolean, now: number): boolean {
    return this.#areThere || namesSystem || now >= this.#askedUntil;
  }

  #judge(names: Iterable<string>, unknown: Set<string>, now: number): string | undefined {
    let reason: string | undefined;
    for (const name of names) {
      const found = this.#found.get(name);
      if (found === undefined || found.until <= now) unknown.add(name);
      else reason ??= found.reason;
    }
    return reason;
  }

  async #share(asking: Promise<void>): Promise<void> {
    this.#asking = asking;
    try {
      await asking;
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  /** Asks what some names are, what those are that are known no longer, and those in the texts. */
  async #ask(
    driver: Connection,
    analyser: Analyser,
    unknown: ReadonlySet<string>,
    until: number,
  ): Promise<void> {
    const names = new Set([...unknown, ...this.#expired(until - knownMsMax)]);
    const first = await askOfObjects(driver, analyser, names);
    const objects: StoredObject[] = [...first.objects];
    for (let found = first.objects; found.length > 0;) {
      const used = new Set(found.flatMap(({ used }) => used).filter((name) => !names.has(name)));
      if (used.size === 0) break;
      for (const name of used) names.add(name);
      ({ objects: found } = await askOfObjects(driver, analyser, used));
      objects.push(...found);
    }
    const reasons = reasonsOf(objects);
    if (this.#found.size + names.size > namesMax) this.#found.clear();
    for (const name of names) {
      this.#found.set(name, { reason: reasons.get(name.toLowerCase()), until });
    }
    this.#areThere = first.areThere;
    this.#askedUntil = until;
  }

  #expired(now: number): string[] {
    const names: string[] = [];
    for (const [name, { until }] of this.#found) {
      if (until <= now && names.length < renewedMax) names.push(name);
    }
    return names;
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
}

function isSystem(name: string): boolean {
  return /^(?:sys|mysql)$/i.test(name);
}
