/**
 * What the user of a target may not see, of all that statements can run: triggers, and what is
 * behind views. The server is asked for his privileges together with the first names, and again
 * a minute later.
 */

import type { Connection } from "mysql2";
import { Grants } from "./grants.ts";
import { askOfGrants } from "./look_up.ts";
import { internalsOf } from "./mysql2_internals.ts";
import { isOfServer } from "./refusals.ts";
import type { Hiding } from "./stored_object_texts.ts";

/** How old the answer may be when names are asked for, in ms. */
const ageMsMax = 60_000;

/** What one target's user may see. */
export class Sight implements Hiding {
  readonly #database: string | undefined;
  readonly #trusts: boolean;
  #grants: Grants | undefined;
  #askedAt = 0;
  /** MariaDB lists each trigger on a table that the user may use, if not its text. */
  #isMariaDb = false;

  /**
   * Knows nothing yet. `database` is where names mean something that stand by themselves; with
   * `trusts`, what he may not see is taken to leave nothing.
   */
  constructor(database: string | undefined, trusts: boolean) {
    this.#database = database;
    this.#trusts = trusts;
  }

  /** Whether what he may not see is taken to leave nothing. */
  get trusts(): boolean {
    return this.#trusts;
  }

  /** Asks for his privileges, unless they are known well enough. */
  async renew(driver: Connection): Promise<void> {
    const now = performance.now();
    const isFresh = this.#grants !== undefined && now - this.#askedAt < ageMsMax;
    if (this.#trusts || isFresh) return;
    const lines = await askOfGrants(driver).catch((error: unknown) => {
      // A server that does not tell is one that shows nothing.
      if (isOfServer(error)) return [];
      throw error;
    });
    this.#grants = new Grants(lines);
    this.#isMariaDb = internalsOf(driver)._isMariaDB === true;
    this.#askedAt = now;
  }

  /**
   * Tells whether he may not see all triggers on tables that his own statements name, in some
   * databases or in that of the target.
   */
  hidesOwnTriggers(databases: readonly string[]): boolean {
    if (this.#isMariaDb) return false;
    const home = this.#database === undefined ? [] : [this.#database];
    return this.hidesTriggers([...home, ...databases]);
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
    return !this.#trusts && this.#grants !== undefined && !show(this.#grants);
  }
}
