/**
 * Answers without sense. The driver has a code for some of them; others make it fail somewhere
 * in its own code, and then it says just that, as if it was a mistake of the caller.
 */

import { codeOf } from "./errors.ts";

/** The driver's own code. */
const code = "PROTOCOL_ERROR";

/** Returns an error, which ends the session, of an answer without sense and what that led to. */
export function nonsense(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code, fatal: true });
}

/** Returns an error that says so of what was thrown while an answer was read. */
export function unreadable(cause: unknown): Error {
  return nonsense("The server's answer could not be read", cause);
}

/** Tells whether an error says so. */
export function isNonsense(error: unknown): boolean {
  return codeOf(error) === code;
}
