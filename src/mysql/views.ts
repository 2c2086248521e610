/**
 * What is known of the tables that statements name: which of them are views, and whether those
 * leave nothing. The text of a statement does not tell what a view calls, so the server is asked,
 * once a minute for each name, where it has functions that a view could call.
 */

import type { Connection } from "mysql2";
import { MODE_UNKNOWN } from "./lexer.ts";
import type { Analyser } from "./statement.ts";
import { namesIn } from "./table_names.ts";
import type { Target } from "./target.ts";

/** How long it holds what was asked, in ms: others may create views and functions meanwhile. */
const knownMsMax = 60_000;
/** How many names and targets are remembered. */
const namesMax = 10_000;
const targetsMax = 1000;

/** What was found of a name. */
interface Found {
  /** Why what has this name may leave something; undefined if it leaves nothing. */
  readonly reason: string | undefined;
  /** Until when that holds. */
  readonly until: number;
}

/** What is known of the views that one target's statements can name. */
export class Views {
  /** Whether there may be functions that a view could call. */
  hasFunctions = true;
  readonly #found: Map<string, Found> = new Map();
  #askedUntil = 0;

  /** Whether it is time to ask whether there are functions. */
  get isStale(): boolean {
    return performance.now() >= this.#askedUntil;
  }

  /** Notes whether there are functions. */
  note(hasFunctions: boolean): void {
    this.hasFunctions = hasFunctions;
    this.#askedUntil = performance.now() + knownMsMax;
  }

  /** Forgets all, as a view or a function was made, changed or dropped. */
  forget(): void {
    this.hasFunctions = true;
    this.#askedUntil = 0;
    this.#found.clear();
  }

  /**
   * Returns why what has one of some names may leave something, if so. Names of which nothing is
   * known are added to `unknown`.
   */
  judge(names: readonly string[], unknown: Set<string>): string | undefined {
    const now = performance.now();
    let reason: string | undefined;
    for (const name of names) {
      const found = this.#found.get(name);
      if (found === undefined || found.until <= now) unknown.add(name);
      else reason ??= found.reason;
    }
    return reason;
  }

  /** Asks the server what some names are, and those that stand in the texts of their views. */
  async learn(driver: Connection, analyser: Analyser, unknown: readonly string[]): Promise<void> {
    const until = performance.now() + knownMsMax;
    const names = new Set(unknown);
    const views = new Map<string, View>();
    for (let asked = unknown; asked.length > 0;) {
      const found = await ask(driver, asked);
      for (const { name, text } of found) {
        const key = name.toLowerCase();
        const used = [...views.get(key)?.used ?? [], ...namesIn(text, MODE_UNKNOWN)];
        views.set(key, { reason: views.get(key)?.reason ?? reasonOf(analyser, name, text), used });
      }
      asked = [...new Set(found.flatMap(({ text }) => namesIn(text, MODE_UNKNOWN)))]
        .filter((name) => !names.has(name));
      for (const name of asked) names.add(name);
    }
    spread(views);
    if (this.#found.size + names.size > namesMax) this.#found.clear();
    for (const name of names) {
      this.#found.set(name, { reason: views.get(name.toLowerCase())?.reason, until });
    }
  }
}

/** What is known of views, by the targets whose statements can name them. */
export class ViewsOfTargets {
  readonly #known: Map<string, Views> = new Map();

  /** Returns what is known for a target. */
  of({ key }: Target): Views {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= targetsMax) this.#known.clear();
    const views = new Views();
    this.#known.set(key, views);
    return views;
  }
}

/** A view, as the server shows it. */
interface Row {
  readonly name: string;
  /** What it selects; "" if that may not be seen. */
  readonly text: string;
}

/** What is known of a view. */
interface View {
  /** Why it may leave something; undefined if it leaves nothing by itself. */
  reason: string | undefined;
  /** What stands in its text. */
  readonly used: readonly string[];
}

/** Returns the views among some names, in whatever database those may mean. */
async function ask(driver: Connection, names: readonly string[]): Promise<readonly Row[]> {
  const list = names.map(literalOf).join(", ");
  const sql = "SELECT table_name, view_definition FROM information_schema.views " +
    `WHERE table_schema IN (DATABASE(), ${list}) AND table_name IN (${list})`;
  const rows = await new Promise<unknown>((resolve, reject) => {
    driver.query(
      { sql, rowsAsArray: true },
      (error, rows) => error ? reject(error) : resolve(rows),
    );
  });
  return (rows as [string, string | null][]).map(([name, text]) => ({ name, text: text ?? "" }));
}

/** Returns a literal that means the same in every sql_mode. */
function literalOf(name: string): string {
  const bytes = new TextEncoder().encode(name);
  return `_utf8mb4 x'${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
}

function reasonOf(analyser: Analyser, name: string, text: string): string | undefined {
  if (text === "") return `view ${name}, whose text may not be seen`;
  const { effect, reason } = analyser.analyse(text, MODE_UNKNOWN);
  return effect === "none" ? undefined : `view ${name}: ${reason ?? "a lock"}`;
}

/** Gives views the reasons of those that they use. */
function spread(views: ReadonlyMap<string, View>): void {
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (const view of views.values()) {
      if (view.reason !== undefined) continue;
      view.reason = view.used.map((name) => views.get(name.toLowerCase())?.reason)
        .find((reason) => reason !== undefined);
      isChanged ||= view.reason !== undefined;
    }
  }
}
