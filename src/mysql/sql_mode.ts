/**
 * Reads the variables that the server reports, above all sql_mode, which decides how the server
 * reads a text. Every answer has the flag for NO_BACKSLASH_ESCAPES; session tracking, which a
 * session switches on when it begins, reports the rest.
 */

import type { Packet } from "./mysql2_internals.ts";
import { ANSI_QUOTES, IGNORE_SPACE, NO_BACKSLASH_ESCAPES } from "./lexer.ts";
import { readNumber, skipNumber } from "./status.ts";

/** The status flag which says that session tracking has something to report. */
const HAS_REPORT = 0x4000;
/** The status flag which says that a backslash in a string is an ordinary character. */
const NO_BACKSLASHES = 0x200;
/** The kind of report that holds the value of a variable. */
const REPORT_VARIABLE = 0;
const nothing: ReadonlyMap<string, string> = new Map();

/** Returns the lexer's bits for a sql_mode, with the bit that an answer's status flags add. */
export function modeOf(sqlMode: number, flags: number): number {
  return (flags & NO_BACKSLASHES) === 0 ? sqlMode : sqlMode | NO_BACKSLASH_ESCAPES;
}

/**
 * Returns the values of variables that a packet reports, or undefined if the packet says that
 * something changed, but not what. `flags` are its status flags; only an OK packet has a report.
 */
export function readVariables(
  packet: Packet,
  flags: number,
): ReadonlyMap<string, string> | undefined {
  const { buffer, offset, end } = packet;
  if ((flags & HAS_REPORT) === 0) return nothing;
  // The packet that ends the rows has no report.
  if (buffer[offset] !== 0) return undefined;
  const info = skipNumber(buffer, skipNumber(buffer, offset + 1)) + 4;
  const report = skipNumber(buffer, info) + readNumber(buffer, info);
  const variables = new Map<string, string>();
  for (let at = skipNumber(buffer, report); at < end;) {
    const body = skipNumber(buffer, at + 1);
    const next = body + readNumber(buffer, at + 1);
    if (buffer[at] === REPORT_VARIABLE) {
      const [name, valueAt] = readText(buffer, body);
      variables.set(name, readText(buffer, valueAt)[0]);
    }
    at = next;
  }
  return variables;
}

function readText(buffer: Uint8Array, at: number): [text: string, end: number] {
  const start = skipNumber(buffer, at);
  const end = start + readNumber(buffer, at);
  return [new TextDecoder().decode(buffer.subarray(start, end)), end];
}

/** Returns the lexer's bits for a sql_mode. */
export function bitsOf(sqlMode: string): number {
  const modes = sqlMode.split(",");
  return (modes.includes("ANSI_QUOTES") ? ANSI_QUOTES : 0) |
    (modes.includes("IGNORE_SPACE") ? IGNORE_SPACE : 0);
}
