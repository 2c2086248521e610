/**
 * The tests that every runtime has to pass. A file of the suite declares some of them; who runs
 * them asks for them by name. One that holds on several servers is a test of its own on each.
 */

import type { Runtime } from "../../../src/port.ts";
import type { Flavor } from "../../support/server_binary.ts";
import type { World } from "./world.ts";

/** A test of the suite. */
export interface Case {
  /** The promise it holds, and the server it holds on. */
  readonly name: string;
  /** The server it is run on; undefined if it needs none. */
  readonly flavor: Flavor | undefined;
  /** Why it cannot be run in a runtime. */
  readonly gaps: Gaps;
  /** Runs it. */
  readonly body: (world: World) => Promise<void>;
}

/** Why something cannot be done in a runtime; it can in those that are not named. */
export type Gaps = Readonly<Partial<Record<Runtime, string>>>;

/** Where a test is run. */
export interface CaseOptions {
  /** The servers it is run on; MariaDB if not given. */
  readonly on?: readonly Flavor[];
  /** Why it cannot be run in a runtime. */
  readonly gaps?: Gaps;
}

/** Of a test that holds on both servers. */
export const both: readonly Flavor[] = ["mariadb", "mysql"];
/** Of a test that needs no server. */
export const none: readonly Flavor[] = [];

const titles: Readonly<Record<Flavor, string>> = { mariadb: "MariaDB", mysql: "MySQL" };

/** Tests of one subject. */
export class Suite {
  /** Those that were declared, in order. */
  readonly cases: Case[] = [];

  /** Declares a test, whose title is the promise it holds. */
  test(title: string, options: CaseOptions, body: (world: World) => Promise<void>): void {
    const { on = ["mariadb"], gaps = {} } = options;
    if (on.length === 0) this.cases.push({ name: title, flavor: undefined, gaps, body });
    for (const flavor of on) {
      this.cases.push({ name: `${titles[flavor]}: ${title}`, flavor, gaps, body });
    }
  }
}
