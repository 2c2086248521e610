/** The pool and server that a program uses, and the errors that its code throws. */

import type { Pool } from "../../mod.ts";

/** The pool, the databases and the server that a program uses. */
export interface Surroundings {
  readonly pool: Pool<string>;
  /** The number of the program; its marks begin with it. */
  readonly number: number;
  readonly databases: readonly [string, string];
  /** The server's name of the variable of a session's isolation. */
  readonly isolationVariable: string;
  /** Makes the server kill one of the pool's connections. */
  kill(which: number): Promise<void>;
}

/** The error that a program's code throws. */
export class Thrown extends Error {
  readonly code: string = "THROWN";
}

/** The reason with which a program aborts its signals. */
export class Aborted extends Error {
  readonly code: string = "ABORTED";
}
