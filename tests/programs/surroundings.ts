/** What a program reaches beside its own code, and the errors that it makes by itself. */

import type { Pool } from "../../mod.ts";

/** What a program reaches beside its pool. */
export interface Surroundings {
  readonly pool: Pool<string>;
  /** The number of the program, which its marks begin with. */
  readonly number: number;
  readonly databases: readonly [string, string];
  /** How the server calls the variable of a session's isolation. */
  readonly isolationVariable: string;
  /** Has the server kill one of the pool's connections. */
  kill(which: number): Promise<void>;
}

/** The error that a program throws by itself. */
export class Thrown extends Error {
  readonly code: string = "THROWN";
}

/** The reason of the signals that a program aborts. */
export class Aborted extends Error {
  readonly code: string = "ABORTED";
}
