/**
 * The tests that every runtime has to pass. Each file of the suite declares some of them, and a
 * runner runs them by name. A test for several servers becomes one test for each server.
 */

import type { Runtime } from "../../../src/port/socket.ts";
import type { Flavor } from "../../support/server_binary.ts";
import type { World } from "./world.ts";

/** A test of the suite. */
export interface Case {
  /** The promise that it checks, and the server on which it runs. */
  readonly name: string;
  /** The server on which it runs; undefined if it needs none. */
  readonly flavor: Flavor | undefined;
  /** Why it cannot run in a runtime. */
  readonly gaps: Gaps;
  /** Runs it. */
  readonly body: (world: World) => Promise<void>;
}

/** Why a runtime cannot do something; the runtimes that are not named can do it. */
export type Gaps = Readonly<Partial<Record<Runtime, string>>>;

/** Where a test runs. */
export interface CaseOptions {
  /** The servers on which it runs; MariaDB if not given. */
  readonly on?: readonly Flavor[];
  /** Why it cannot run in a runtime. */
  readonly gaps?: Gaps;
}

/** For a test that runs on both servers. */
export const both: readonly Flavor[] = ["mariadb", "mysql"];
/** For a test that needs no server. */
export const none: readonly Flavor[] = [];

const titles: Readonly<Record<Flavor, string>> = { mariadb: "MariaDB", mysql: "MySQL" };

/** Tests of one subject. */
export class Suite {
  /** The declared tests, in order. */
  readonly cases: Case[] = [];

  /** Declares a test, whose title is the promise that it checks. */
  test(title: string, options: CaseOptions, body: (world: World) => Promise<void>): void {
    const { on = ["mariadb"], gaps = {} } = options;
    if (on.length === 0) this.cases.push({ name: title, flavor: undefined, gaps, body });
    for (const flavor of on) {
      this.cases.push({ name: `${titles[flavor]}: ${title}`, flavor, gaps, body });
    }
  }
}
