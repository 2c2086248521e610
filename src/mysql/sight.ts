/**
 * What the user of a target may not see, of all that statements can run: triggers, and what is
 * behind views. The server is asked for his privileges together with the first names, and again
 * a minute later.
 *
 * It tells those that a new session would have. A session has those of its login. So only sessions
 * that logged in since the server has told the same count as having them.
 */

import type { Connection } from "mysql2";
import { Grants } from "./grants.ts";
import { askOfGrants, askOfPartialRevokes } from "./look_up.ts";
import { internalsOf } from "./mysql2_internals.ts";
import { isOfServer } from "./refusals.ts";
import type { Hiding } from "./stored_object_texts.ts";

/** How old the answer may be when names are asked for, in ms. */
const maxLifetime = 60_000;
/** A session that is so young, in ms, and those as old, have the privileges that are told first. */
const youngMsMax = 1000;
/** A line with a pattern for the names of databases, or what looks like one. */
const patterned = /[%\\][^`"]*[`"]\.\*/;

/** What one target's user may see. */
export class Sight implements Hiding {
  /** The current database of a session that has just begun. */
  initialDatabase: string | undefined;
  /** Whether what he may not see is taken to leave nothing. */
  readonly trusts: boolean;
  #grants: Grants | undefined;
  #told = "";
  /** A session that logged in since then has the privileges that the server tells. */
  #since = 0;
  #askedAt = 0;
  /** MariaDB lists each trigger on a table that the user may use, if not its text. */
  #isMariaDb = false;

  /** Knows nothing yet; with `trusts`, what he may not see is taken to leave nothing. */
  constructor(trusts: boolean) {
    this.trusts = trusts;
  }

  /** Asks for his privileges by a session that logged in then, unless they are known well. */
  async renew(driver: Connection, loggedInAt: number): Promise<void> {
    const now = performance.now();
    const isFresh = this.#grants !== undefined && now - this.#askedAt < maxLifetime;
    if (this.trusts || isFresh) return;
    this.#isMariaDb = internalsOf(driver)._isMariaDB === true;
    const lines = await askOfGrants(driver).catch(nothingToldBy);
    const isExact = !this.#isMariaDb && lines.some((line) => patterned.test(line)) &&
      await askOfPartialRevokes(driver).catch(nothingToldBy) !== false;
    const told = `${isExact} ${lines.join("\n")}`;
    if (this.#grants === undefined || told !== this.#told) {
      const isFirst = this.#grants === undefined && now - loggedInAt < youngMsMax;
      this.#since = isFirst ? loggedInAt - youngMsMax : performance.now();
      this.#told = told;
      this.#grants = new Grants(lines, isExact);
    }
    this.#askedAt = now;
  }

  /** Tells whether a session that logged in then has the privileges of which the server tells. */
  isOf(loggedInAt: number): boolean {
    return this.trusts || this.#grants === undefined || loggedInAt >= this.#since;
  }

  /**
   * Tells whether he may not see all triggers on tables that his own statements name, in some
   * databases or in the current one.
   */
  hidesOwnTriggers(databases: readonly string[]): boolean {
    const all = this.initialDatabase === undefined
      ? databases
      : [this.initialDatabase, ...databases];
    // With privileges on columns alone, he does not see the expressions of the others.
    return this.#isMariaDb
      ? this.#hides((grants) => !grants.hasColumns || all.every((one) => grants.showViews(one)))
      : this.hidesTriggers(all);
  }

  /** Tells whether there may be triggers in some databases that he does not see. */
  hidesTriggers(databases: readonly string[]): boolean {
    if (this.#isMariaDb) return this.hidesViews(databases);
    return this.#hides((grants) => databases.every((database) => grants.showTriggers(database)));
  }

  /** Tells whether there may be views in some databases that he does not see. */
  hidesViews(databases: readonly string[]): boolean {
    return this.#hides((grants) => databases.every((database) => grants.showViews(database)));
  }

  #hides(show: (grants: Grants) => boolean): boolean {
    return !this.trusts && this.#grants !== undefined && !show(this.#grants);
  }
}

/** A server that does not tell is one that shows nothing. */
function nothingToldBy(error: unknown): never[] {
  if (isOfServer(error)) return [];
  throw error;
}
