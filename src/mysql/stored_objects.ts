/**
 * What is known of the views and triggers behind the names in statements: whether they leave
 * nothing. The text of a statement does not tell what they run, so the server is asked for their
 * texts when a connection is released, at most once a minute for each name.
 */

import {
  type Asking,
  askOfObjects,
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
/** How many databases they are looked for in. */
const schemasMax = 1000;

/** What holds for a while. */
interface Dated {
  readonly behind: Behind;
  readonly until: number;
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
  readonly #found: Map<string, Dated> = new Map();
  /** The databases in which names are looked for, besides the session's own. */
  readonly #schemas: Set<string> = new Set();
  /** What is behind the names of a statement, by these names. */
  #ofNames: WeakMap<TableNames, Dated> = new WeakMap();
  /** What another session asks now, and of which names. */
  #asking: Promise<void> | undefined;
  #asked: readonly string[] = [];
  #age: number;

  /** Knows nothing yet; `isShared` says whether one session may wait for what another asks. */
  constructor(isShared: boolean, changes: ObjectChanges) {
    this.#isShared = isShared;
    this.#changes = changes;
    this.#age = changes.age;
  }

  /** Returns what is behind some names, as far as it is known. */
  behind(names: TableNames): Behind {
    this.#renew();
    const now = performance.now();
    const known = this.#ofNames.get(names);
    if (known !== undefined && known.until > now) return known.behind;
    for (const schema of names.schemas) this.#lookIn(schema);
    const dated = this.#find(names.names, now);
    if (dated.behind.unknown.length === 0) this.#ofNames.set(names, dated);
    return dated.behind;
  }

  /**
   * Asks the server what some names are, unless another session asks that already; returns what
   * is behind them.
   */
  async learn(asking: Asking, names: ReadonlySet<string>): Promise<Behind> {
    for (;;) {
      this.#renew();
      const { behind } = this.#find(names, performance.now());
      const { unknown } = behind;
      if (unknown.length === 0) return behind;
      const isAsked = unknown.every((name) => this.#asked.includes(name));
      // If that fails, it is this session's turn.
      if (this.#isShared && isAsked) await this.#asking?.catch(() => undefined);
      else await this.#share(this.#ask(asking, unknown), unknown);
    }
  }

  /** Forgets all if something has changed. */
  #renew(): void {
    if (this.#age !== this.#changes.age) this.#forget();
  }

  #forget(): void {
    this.#age = this.#changes.age;
    this.#found.clear();
    this.#ofNames = new WeakMap();
  }

  /** Looks for all names in one more database: what was found in the others does not tell. */
  #lookIn(schema: string): void {
    if (this.#schemas.has(schema)) return;
    if (this.#schemas.size >= schemasMax) this.#schemas.clear();
    this.#schemas.add(schema);
    this.#forget();
  }

  #find(names: Iterable<string>, now: number): Dated {
    let until = Infinity;
    const all: Behind[] = [];
    for (const name of names) {
      const found = this.#found.get(name);
      const isKnown = found !== undefined && found.until > now;
      all.push(isKnown ? found.behind : { ...nothingBehind, unknown: [name] });
      if (isKnown) until = Math.min(until, found.until);
    }
    return { behind: behindAll(all), until };
  }

  async #share(asking: Promise<void>, asked: readonly string[]): Promise<void> {
    this.#asking = asking;
    this.#asked = asked;
    try {
      await asking;
    } finally {
      if (this.#asking === asking) {
        this.#asking = undefined;
        this.#asked = [];
      }
    }
  }

  /** Asks what some names are, and those in the texts of what they are. */
  async #ask(asking: Asking, unknown: readonly string[]): Promise<void> {
    const { age } = this.#changes;
    const schemas = new Set(this.#schemas);
    const until = performance.now() + knownMsMax;
    const names = new Set(unknown);
    const objects: StoredObject[] = [];
    for (let asked: ReadonlySet<string> = names; asked.size > 0;) {
      const found = await askOfObjects(asking, asked, new Set([...schemas, ...names]));
      objects.push(...found);
      asked = new Set(found.flatMap(({ used }) => used).filter((name) => !names.has(name)));
      for (const name of asked) names.add(name);
    }
    // It may lack what was made meanwhile, or is in a database that was named meanwhile.
    const isWhole = [...this.#schemas].every((schema) => schemas.has(schema));
    if (age !== this.#changes.age || !isWhole) return;
    const behind = behindNames(objects);
    if (this.#found.size + names.size > namesMax) this.#found.clear();
    for (const name of names) {
      this.#found.set(name, { behind: behind.get(folded(name)) ?? nothingBehind, until });
    }
  }
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
  of({ key }: Target): StoredObjects {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= targetsMax) this.#known.clear();
    const objects = new StoredObjects(this.#isShared, this.changes);
    this.#known.set(key, objects);
    return objects;
  }
}
