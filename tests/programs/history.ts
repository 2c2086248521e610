/** What was seen of a program that ran: by its code, and on the server. */

import type { ProgramStep } from "./program.ts";

/** What a statement saw of its session. */
export interface Look {
  readonly connection: number;
  readonly current: string | null;
  /** The unit that has set the user variable. */
  readonly owner: string | null;
  /** The unit that has made the temporary table; "none" where it is the table of all. */
  readonly flag: string | null;
  readonly isolation: string;
}

/** How something was rejected. */
export interface Rejection {
  readonly code: string;
  readonly errno?: number | undefined;
  readonly message: string;
}

/** Something that code asked the pool for, and what became of it. */
export interface Deed {
  readonly id: number;
  /** The deed whose code asked for it. */
  readonly parent: number | undefined;
  /**
   * `unit` is what the caller sees; each run of its code is an `attempt`. A `hand` is a transaction
   * begun by hand through a lease.
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
  /** Whether it is run through the lease around it. */
  readonly isThrough: boolean;
  /** Whether it is the transaction that an option of its unit asks for. */
  readonly isImplicit: boolean;
  /** When it was asked for, and when its end was seen, on one clock that counts events. */
  readonly asked: number;
  settled?: number | undefined;
  /** When the code that it was given had ended. */
  returned?: number | undefined;
  outcome: "pending" | "fulfilled" | "rejected";
  rejection?: Rejection | undefined;
  /** Whether the code that it was given has thrown. */
  hasThrown?: boolean | undefined;
  look?: Look | undefined;
  /** How many rows a stream brought. */
  rows?: number | undefined;
}

/** All deeds, in the order in which they were asked for; the number of each is its place. */
export type History = readonly Deed[];

/** A row that a statement has written. */
export interface WrittenRow {
  /** The deed. */
  readonly deed: number;
  readonly connection: number;
  /** The database that was the current one. */
  readonly current: string | null;
  /** The database in whose table it is. */
  readonly home: string;
}

/** A command that the server received. */
export interface ReceivedCommand {
  /** The number of the connection. */
  readonly thread: number;
  /** What it was, as the server's log names it: `Query`, `Execute`, `Connect` … */
  readonly command: string;
  readonly text: string;
}

/** What the server, and the pool, say of a program when all of it has ended. */
export interface View {
  readonly rows: readonly WrittenRow[];
  readonly commands: readonly ReceivedCommand[];
  /** The two databases. */
  readonly databases: readonly string[];
  /** The isolation that a session begins with. */
  readonly isolation: string;
  /** The most connections of the pool that the server had at once. */
  readonly peak: number;
  /** What was left when all promises had settled, by name. */
  readonly left: Readonly<Record<string, number>>;
}

/** Returns the text by which a statement can be found on the server. */
export function markOf(program: number, deed: number): string {
  return `p${program}:d${deed}`;
}

/** Returns the deed whose mark is in a text. */
export function deedIn(text: string): number | undefined {
  const found = /'p\d+:d(\d+)'/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
