/**
 * Remembers whether the views and triggers behind the names in statements leave nothing in their
 * session. The text of a statement does not show what they run, so a session that is released asks
 * the server for their texts, at most once a minute for each name.
 */

import { type Asking, askOfObjects } from "./look_up.ts";
import { Sight } from "./sight.ts";
import {
  type Behind,
  behindAll,
  behindNames,
  folded,
  nothingBehind,
  type StoredObject,
} from "./stored_object_texts.ts";
import type { TableNames } from "./table_names.ts";
import type { Target } from "./target.ts";

/** How long an answer is valid, in ms: other clients may create views and triggers meanwhile. */
const knownMsMax = 60_000;
/** How many names of a target, and how many targets, are remembered. */
const namesMax = 10_000;
const targetsMax = 1000;
/** For how many databases one name is remembered. */
const schemasMax = 1000;
/** How long a session waits for another session's look-up. */
const waitMsMax = 1000;

/** Why the pool renews a session that has other privileges than a new session would. */
export const outdatedReason = "change of privileges";
/** The effects that the pool assumes behind names that such a session looks up. */
const outdated: Behind = { ...nothingBehind, reason: outdatedReason, mayWrite: true };

/** The result of a look-up of a name, valid for a while. */
interface Found {
  readonly behind: Behind;
  readonly until: number;
  /** The databases that the look-up covered, besides the session's own. */
  readonly schemas: ReadonlySet<string>;
  /** Whether the name is itself a database. */
  readonly isDatabase: boolean;
}

/** Counts changes of views, triggers and functions by statements that the pool sends. */
export class ObjectChanges {
  /** How often a statement that makes such a change was sent or answered. */
  count = 0;
  /** How many sessions are running such a statement. */
  runningCount = 0;
  /** How often everything remembered has become invalid. */
  age = 0;
}

/** Remembers the views and triggers that the statements of one target can run. */
export class StoredObjects {
  readonly #isShared: boolean;
  readonly #changes: ObjectChanges;
  /** What the user of the target may not see. */
  readonly sight: Sight;
  readonly #found: Map<string, Found> = new Map();
  /** The effects behind the names of a statement, by these names. */
  #ofNames: WeakMap<TableNames, Found> = new WeakMap();
  /** The look-up that another session runs now, and its names. */
  #asking: Promise<void> | undefined;
  #asked: ReadonlySet<string> = new Set();
  #age: number;

  /** Starts empty; `isShared` says whether a session may wait for another session's look-up. */
  constructor(isShared: boolean, changes: ObjectChanges, sight: Sight) {
    this.#isShared = isShared;
    this.#changes = changes;
    this.sight = sight;
    this.#age = changes.age;
  }

  /** Returns whether a write may run unseen triggers; `schemas` are names of possible databases. */
  hidesTriggers(schemas: readonly string[]): boolean {
    return this.sight.hidesOwnTriggers(this.#databasesIn(schemas, performance.now()));
  }

  /** Returns the effects behind some names, as far as the pool knows them. */
  behind(names: TableNames): Behind {
    this.#renew();
    const now = performance.now();
    const known = this.#ofNames.get(names);
    if (known !== undefined && known.until > now) return known.behind;
    const found = this.#find(names.names, names.schemas, now);
    if (found.behind.unknown.length === 0) this.#ofNames.set(names, found);
    return found.behind;
  }

  /**
   * Looks names up in each database that one of them may name, unless another session does so
   * already. Returns the effects behind the names.
   */
  async learn(asking: Asking, names: ReadonlySet<string>): Promise<Behind> {
    const all = [...names];
    for (let hasWaited = false;;) {
      // There may be objects that the session does not see.
      if (!this.sight.isOf(asking.loggedInAt)) return outdated;
      this.#renew();
      const { behind } = this.#find(all, all, performance.now());
      if (behind.unknown.length === 0) return behind;
      const isAsked = behind.unknown.every((name) => this.#asked.has(name));
      if (this.#isShared && isAsked && !hasWaited) {
        // If that look-up fails, or takes long, this session does its own.
        hasWaited = true;
        await atMost(waitMsMax, this.#asking?.catch(() => undefined));
      } else await this.#share(this.#ask(asking, names), names);
    }
  }

  /** Forgets everything if views or triggers may have changed. */
  #renew(): void {
    if (this.#age === this.#changes.age) return;
    this.#age = this.#changes.age;
    this.#found.clear();
    this.#ofNames = new WeakMap();
  }

  /** Returns the names that are databases, or may be. */
  #databasesIn(names: readonly string[], now: number): readonly string[] {
    return names.filter((name) => {
      const found = this.#found.get(name);
      return found === undefined || found.until <= now || found.isDatabase;
    });
  }

  /** Returns the effects of known names, and the unknown names with the databases to look in. */
  #find(names: readonly string[], dotted: readonly string[], now: number): Found {
    const schemas = this.#databasesIn(dotted, now);
    const all: Behind[] = [];
    const unknown: string[] = [];
    const wide = new Map<ReadonlySet<string>, boolean>();
    let until = Infinity;
    for (const name of names) {
      const found = this.#found.get(name);
      if (found === undefined || found.until <= now || !isWide(found.schemas, schemas, wide)) {
        unknown.push(name);
        continue;
      }
      all.push(found.behind);
      until = Math.min(until, found.until);
    }
    if (unknown.length > 0) all.push({ ...nothingBehind, unknown: [...unknown, ...schemas] });
    return { behind: behindAll(all), until, schemas: new Set(schemas), isDatabase: false };
  }

  async #share(asking: Promise<void>, asked: ReadonlySet<string>): Promise<void> {
    this.#asking = asking;
    this.#asked = asked;
    try {
      await asking;
    } finally {
      if (this.#asking === asking) {
        this.#asking = undefined;
        this.#asked = new Set();
      }
    }
  }

  /** Looks up names, and then the names in the texts of the objects found. */
  async #ask(asking: Asking, first: ReadonlySet<string>): Promise<void> {
    const { age } = this.#changes;
    const until = performance.now() + knownMsMax;
    const names = new Set(first);
    const objects: StoredObject[] = [];
    const databases = new Set<string>();
    for (let asked = first; asked.size > 0;) {
      const found = await askOfObjects(asking, asked, names, this.sight);
      objects.push(...found.objects);
      for (const database of found.databases) databases.add(database);
      this.sight.initialDatabase = found.initialDatabase;
      asked = new Set(found.objects.flatMap(({ used }) => used).filter((one) => !names.has(one)));
      for (const name of asked) names.add(name);
    }
    await this.sight.renew(asking.driver, asking.loggedInAt);
    // The answer may lack objects created meanwhile, and objects that the session does not see.
    if (age !== this.#changes.age || !this.sight.isOf(asking.loggedInAt)) return;
    const behind = behindNames(objects, this.sight);
    if (this.#found.size + first.size > namesMax) this.#found.clear();
    for (const name of first) {
      const its = behind.get(folded(name)) ?? nothingBehind;
      const isDatabase = databases.has(folded(name));
      this.#add(name, { behind: its, until, schemas: first, isDatabase });
    }
  }

  /** Adds the result for a name to its results for other databases. */
  #add(name: string, found: Found): void {
    const known = this.#found.get(name);
    const isOld = known === undefined || known.until <= performance.now();
    if (isOld || known.schemas.size + found.schemas.size > schemasMax) {
      this.#found.set(name, found);
      return;
    }
    const schemas = new Set([...known.schemas, ...found.schemas]);
    const behind = behindAll([known.behind, found.behind]);
    this.#found.set(name, { ...found, behind, until: Math.min(known.until, found.until), schemas });
  }
}

/** Returns whether `schemas` has all wanted databases; `told` caches the result. */
function isWide(
  schemas: ReadonlySet<string>,
  wanted: readonly string[],
  told: Map<ReadonlySet<string>, boolean>,
): boolean {
  const known = told.get(schemas);
  if (known !== undefined) return known;
  const is = wanted.every((schema) => schemas.has(schema));
  told.set(schemas, is);
  return is;
}

/** Waits for a promise, but at most `ms`. */
async function atMost(ms: number, awaited: Promise<unknown> | undefined): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([awaited, late.promise]);
  clearTimeout(timer);
}

/** Keeps the known views and triggers of each target. */
export class StoredObjectsOfTargets {
  /** Counts changes by statements that the pool sends, to any target. */
  readonly changes: ObjectChanges = new ObjectChanges();
  readonly #isShared: boolean;
  readonly #known: Map<string, StoredObjects> = new Map();

  /** Starts empty; `isShared` says whether a session may wait for another session's look-up. */
  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  /** Returns the known views and triggers of a target. */
  of({ key, cleanHidden }: Target): StoredObjects {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= targetsMax) this.#known.clear();
    const objects = new StoredObjects(this.#isShared, this.changes, new Sight(cleanHidden));
    this.#known.set(key, objects);
    return objects;
  }
}
