/**
 * Which triggers, and which objects behind views, the user of a target may not see although his
 * statements can run them. A session asks the server for the user's privileges at the first
 * look-up of names, and again when the answer is more than a minute old.
 *
 * The server shows the privileges that a new session would have, but a session keeps those of its
 * login. So the answer counts only for sessions that logged in since the server first gave it.
 */

import type { Connection } from "mysql2";
import { Grants } from "./grants.ts";
import { askOfGrants, askOfPartialRevokes } from "./look_up.ts";
import { internalsOf } from "./mysql2_internals.ts";
import { isOfServer } from "./refusals.ts";
import type { Hiding } from "./stored_object_texts.ts";

/** How old the server's answer may be at a look-up of names, in ms. */
const maxLifetime = 60_000;
/**
 * The first answer also counts for the asking session, if that is younger than this in ms, and for
 * sessions up to as much older.
 */
const youngMsMax = 1000;
/** A line of SHOW GRANTS whose database name is a pattern, or looks like one. */
const patterned = /[%\\][^`"]*[`"]\.\*/;

/** What the user of one target may see. */
export class Sight implements Hiding {
  /** The current database of a new session. */
  initialDatabase: string | undefined;
  /** Whether triggers and views that he may not see count as leaving nothing. */
  readonly trusts: boolean;
  #grants: Grants | undefined;
  #told = "";
  /** Sessions that logged in since then have the privileges that the server shows. */
  #since = 0;
  #askedAt = 0;
  /** MariaDB lists each trigger on a table that the user may use, though maybe not its text. */
  #isMariaDb = false;

  /** Starts empty; with `trusts`, triggers and views that he may not see leave nothing. */
  constructor(trusts: boolean) {
    this.trusts = trusts;
  }

  /** Asks for the privileges by a session that logged in at `loggedInAt`, unless they are fresh. */
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

  /** Returns whether a session that logged in then has the privileges that the server shows. */
  isOf(loggedInAt: number): boolean {
    return this.trusts || this.#grants === undefined || loggedInAt >= this.#since;
  }

  /**
   * Returns whether there may be triggers that he does not see on tables that his own statements
   * name, in the given databases or in the current one.
   */
  hidesOwnTriggers(databases: readonly string[]): boolean {
    const all = this.initialDatabase === undefined
      ? databases
      : [this.initialDatabase, ...databases];
    // A user with privileges on columns alone does not see the expressions of other columns.
    return this.#isMariaDb
      ? this.#hides((grants) => !grants.hasColumns || all.every((one) => grants.showViews(one)))
      : this.hidesTriggers(all);
  }

  /** Returns whether the given databases may have triggers that he does not see. */
  hidesTriggers(databases: readonly string[]): boolean {
    if (this.#isMariaDb) return this.hidesViews(databases);
    return this.#hides((grants) => databases.every((database) => grants.showTriggers(database)));
  }

  /** Returns whether the given databases may have views that he does not see. */
  hidesViews(databases: readonly string[]): boolean {
    return this.#hides((grants) => databases.every((database) => grants.showViews(database)));
  }

  #hides(show: (grants: Grants) => boolean): boolean {
    return !this.trusts && this.#grants !== undefined && !show(this.#grants);
  }
}

/** Takes an error of the server for an empty answer. */
function nothingToldBy(error: unknown): never[] {
  if (isOfServer(error)) return [];
  throw error;
}
