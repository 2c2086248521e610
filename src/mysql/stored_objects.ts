/**
 * What is known of the views and triggers behind the names in statements: whether they leave
 * nothing. The text of a statement does not tell what they run, so the server is asked for their
 * texts when a connection is released, at most once a minute for each name.
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

/** How long it holds what was asked, in ms: others may create views and triggers meanwhile. */
const knownMsMax = 60_000;
/** How many names and targets are remembered. */
const namesMax = 10_000;
const targetsMax = 1000;
/** In how many databases one name is remembered. */
const schemasMax = 1000;
/** How long a session waits for what another asks. */
const waitMsMax = 1000;

/** Why a session is renewed that has other privileges than a new one would. */
export const outdatedReason = "change of privileges";
/** What is to be feared behind names that such a session asks for. */
const outdated: Behind = { ...nothingBehind, reason: outdatedReason, mayWrite: true };

/** What was found of a name, and holds for a while. */
interface Found {
  readonly behind: Behind;
  readonly until: number;
  /** The databases in which it was looked for, besides the session's own. */
  readonly schemas: ReadonlySet<string>;
  /** Whether it is a database itself. */
  readonly isDatabase: boolean;
}

/** What the pool's own statements change of views, triggers and functions. */
export class ObjectChanges {
  /** How many statements have said so. */
  count = 0;
  /** How many of these are under way. */
  runningCount = 0;
  /** How often all that is known was to be forgotten. */
  age = 0;
}

/** What is known of the views and triggers that one target's statements can run. */
export class StoredObjects {
  readonly #isShared: boolean;
  readonly #changes: ObjectChanges;
  /** What the user of the target may not see. */
  readonly sight: Sight;
  readonly #found: Map<string, Found> = new Map();
  /** What is behind the names of a statement, by these names. */
  #ofNames: WeakMap<TableNames, Found> = new WeakMap();
  /** What another session asks now, and of which names. */
  #asking: Promise<void> | undefined;
  #asked: ReadonlySet<string> = new Set();
  #age: number;

  /** Knows nothing yet; `isShared` says whether one session may wait for what another asks. */
  constructor(isShared: boolean, changes: ObjectChanges, sight: Sight) {
    this.#isShared = isShared;
    this.#changes = changes;
    this.sight = sight;
    this.#age = changes.age;
  }

  /** Tells whether a write, to tables in whatever names may mean, may run unseen triggers. */
  hidesTriggers(schemas: readonly string[]): boolean {
    return this.sight.hidesOwnTriggers(this.#databasesIn(schemas, performance.now()));
  }

  /** Returns what is behind some names, as far as it is known. */
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
   * Asks the server what some names are, in whatever database others of them may mean; unless
   * another session asks that already. Returns what is behind them.
   */
  async learn(asking: Asking, names: ReadonlySet<string>): Promise<Behind> {
    const all = [...names];
    for (let hasWaited = false;;) {
      // What it does not see may be there.
      if (!this.sight.isOf(asking.loggedInAt)) return outdated;
      this.#renew();
      const { behind } = this.#find(all, all, performance.now());
      if (behind.unknown.length === 0) return behind;
      const isAsked = behind.unknown.every((name) => this.#asked.has(name));
      if (this.#isShared && isAsked && !hasWaited) {
        // If that fails, or takes long, it is this session's turn.
        hasWaited = true;
        await atMost(waitMsMax, this.#asking?.catch(() => undefined));
      } else await this.#share(this.#ask(asking, names), names);
    }
  }

  /** Forgets all if something has changed. */
  #renew(): void {
    if (this.#age === this.#changes.age) return;
    this.#age = this.#changes.age;
    this.#found.clear();
    this.#ofNames = new WeakMap();
  }

  /** Returns which of some names are databases, or may be. */
  #databasesIn(names: readonly string[], now: number): readonly string[] {
    return names.filter((name) => {
      const found = this.#found.get(name);
      return found === undefined || found.until <= now || found.isDatabase;
    });
  }

  /** Returns what is known of some names; what is not has to be asked for in all databases. */
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

  /** Asks what some names are, and those in the texts of what they are. */
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
    // What was made meanwhile may not be in the answer, nor what it does not see.
    if (age !== this.#changes.age || !this.sight.isOf(asking.loggedInAt)) return;
    const behind = behindNames(objects, this.sight);
    if (this.#found.size + first.size > namesMax) this.#found.clear();
    for (const name of first) {
      const its = behind.get(folded(name)) ?? nothingBehind;
      const isDatabase = databases.has(folded(name));
      this.#add(name, { behind: its, until, schemas: first, isDatabase });
    }
  }

  /** Adds what was found of a name to what is known of it in other databases. */
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

/** Tells whether databases are among others; what was told of the others before is in `told`. */
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

/** Waits for something, but not longer than some time. */
async function atMost(ms: number, awaited: Promise<unknown> | undefined): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([awaited, late.promise]);
  clearTimeout(timer);
}

/** What is known of views and triggers, by the targets whose statements can run them. */
export class StoredObjectsOfTargets {
  /** What the pool's own statements change of them, whatever their target. */
  readonly changes: ObjectChanges = new ObjectChanges();
  readonly #isShared: boolean;
  readonly #known: Map<string, StoredObjects> = new Map();

  /** Knows nothing yet; `isShared` says whether one session may wait for what another asks. */
  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  /** Returns what is known for a target. */
  of({ key, cleanHidden }: Target): StoredObjects {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= targetsMax) this.#known.clear();
    const objects = new StoredObjects(this.#isShared, this.changes, new Sight(cleanHidden));
    this.#known.set(key, objects);
    return objects;
  }
}
