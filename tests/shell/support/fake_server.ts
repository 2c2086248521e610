/** The fake server: its targets, its rows, its errors, and the facts that it finds in a text. */

import type { StatementFacts } from "../../../src/port/session.ts";

/** The target of a session with the fake server. */
export interface FakeTarget {
  readonly host: string;
  readonly database: string;
}

/** The row that a statement returns: its text and values, and the state of its session. */
export interface Seen {
  readonly threadId: number;
  readonly database: string;
  readonly sql: string;
  readonly values: unknown;
  readonly inTransaction: boolean;
}

/** An error that the fake server sends. */
export class FakeServerError extends Error {
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** The number of the error for too many connections. */
export const TOO_MANY = 1040;
/** The number of the error for a deadlock, after which the server has rolled back the victim. */
export const DEADLOCK = 1213;

/** The number of the error for a statement that runs when the server ends the connection. */
export const LOST = 2013;

/** Returns the facts of a statement by its first word; "ASK" reads an earlier one's result. */
export function factsOfText(sql: string): StatementFacts {
  return {
    isReadOnly: /^(?:SELECT|ASK|HANG|PROVE|START|BEGIN|SAVEPOINT|RELEASE|ROLLBACK)/.test(sql),
    isSingleWrite: /^(?:INSERT|FAIL)/.test(sql),
    reads: sql.startsWith("ASK ID") ? "id" : sql.startsWith("ASK") ? "previous" : "nothing",
    endsTransaction: /^(?:ALTER|COMMIT|BEGIN)\b/.exec(sql)?.[0],
    sessionOnly: /^(?:SET|USE|BEGIN)\b/.exec(sql)?.[0],
  };
}
