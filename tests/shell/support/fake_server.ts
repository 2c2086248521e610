/** The server within the process: what it is asked for, what it answers and what it makes of texts. */

import type { StatementFacts } from "../../../src/port/session.ts";

/** Where the fake server is asked to connect to. */
export interface FakeTarget {
  readonly host: string;
  readonly database: string;
}

/** What a statement answers: a row with what the session was. */
export interface Seen {
  readonly threadId: number;
  readonly database: string;
  readonly sql: string;
  readonly values: unknown;
  readonly inTransaction: boolean;
}

/** An error as the server would send it. */
export class FakeServerError extends Error {
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** The error with which the server says that it has no room. */
export const TOO_MANY = 1040;
/** The error of the victim of a deadlock, whose transaction the server has rolled back. */
export const DEADLOCK = 1213;

/** The error of whatever is under way when the server ends the connection. */
export const LOST = 2013;

/** What it takes a text to be: "ASK" reads the one before, "BEGIN" and so on as named. */
export function factsOfText(sql: string): StatementFacts {
  return {
    isReadOnly: /^(?:SELECT|ASK|HANG|PROVE|START|BEGIN|SAVEPOINT|RELEASE|ROLLBACK)/.test(sql),
    isSingleWrite: /^(?:INSERT|FAIL)/.test(sql),
    reads: sql.startsWith("ASK ID") ? "id" : sql.startsWith("ASK") ? "previous" : "nothing",
    endsTransaction: /^(?:ALTER|COMMIT|BEGIN)\b/.exec(sql)?.[0],
    sessionOnly: /^(?:SET|USE|BEGIN)\b/.exec(sql)?.[0],
  };
}
