/** The record of a program's run: what its code saw, and what the server shows. */

import type { ProgramStep } from "./program.ts";

/** The session state that a statement saw. */
export interface Look {
  readonly connection: number;
  readonly current: string | null;
  /** The unit that has set the user variable. */
  readonly owner: string | null;
  /** The unit that has made the temporary table; "none" if only the shared table exists. */
  readonly flag: string | null;
  readonly isolation: string;
}

/** The error of a rejected deed. */
export interface Rejection {
  readonly code: string;
  readonly errno?: number | undefined;
  readonly message: string;
}

/** A call that code made to the pool, and its outcome. */
export interface Deed {
  readonly id: number;
  /** The deed whose code made the call. */
  readonly parent: number | undefined;
  /**
   * A `unit` is the call; each run of its callback is an `attempt`. A `hand` is a transaction that
   * code begins through a lease by SQL.
   */
  readonly kind:
    | "unit"
    | "attempt"
    | "transaction"
    | "hand"
    | "lease"
    | "statement"
    | "state"
    | "stream";
  readonly on: number;
  readonly step: ProgramStep;
  /** Whether other code of its unit may run at the same time. */
  readonly isBeside: boolean;
  /** Whether the deed runs through the lease around it. */
  readonly isThrough: boolean;
  /** Whether the deed is the transaction of its unit's option `transaction`. */
  readonly isImplicit: boolean;
  /** When code made the call, and when it settled, on one clock that counts events. */
  readonly asked: number;
  settled?: number | undefined;
  /** When its callback had returned. */
  returned?: number | undefined;
  outcome: "pending" | "fulfilled" | "rejected";
  rejection?: Rejection | undefined;
  /** Whether its callback has thrown. */
  hasThrown?: boolean | undefined;
  look?: Look | undefined;
  /** How many rows the code read from a stream. */
  rows?: number | undefined;
}

/** All deeds, in the order of their calls; the id of each is its index. */
export type History = readonly Deed[];

/** A row that a statement has written. */
export interface WrittenRow {
  /** The id of the deed. */
  readonly deed: number;
  readonly connection: number;
  /** The current database of the session. */
  readonly current: string | null;
  /** The database whose table holds the row. */
  readonly home: string;
}

/** A command that the server received. */
export interface ReceivedCommand {
  /** The thread id of the connection. */
  readonly thread: number;
  /** Its name in the server's log: `Query`, `Execute`, `Connect` … */
  readonly command: string;
  readonly text: string;
}

/** The state of the server and of the pool after a program has ended. */
export interface View {
  readonly rows: readonly WrittenRow[];
  readonly commands: readonly ReceivedCommand[];
  /** The two databases. */
  readonly databases: readonly string[];
  /** The isolation level of a new session. */
  readonly isolation: string;
  /** The most connections of the pool that the server had at once. */
  readonly peak: number;
  /** What was left when all promises had settled: counts by name. */
  readonly left: Readonly<Record<string, number>>;
}

/** Returns the text that marks a deed's statement on the server. */
export function markOf(program: number, deed: number): string {
  return `p${program}:d${deed}`;
}

/** Returns the deed whose mark is in a text. */
export function deedIn(text: string): number | undefined {
  const found = /'p\d+:d(\d+)'/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
