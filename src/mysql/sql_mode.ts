/**
 * What the server reports of its sql_mode, as far as it decides how a text is read. The flag for
 * NO_BACKSLASH_ESCAPES comes with every answer; the rest is reported by session tracking, which a
 * session asks for when it begins.
 */

import type { Packet } from "./internals.ts";
import { ANSI_QUOTES, IGNORE_SPACE, MODE_UNKNOWN, NO_BACKSLASH_ESCAPES } from "./lexer.ts";
import { readNumber, skipNumber } from "./status.ts";

/** The flag by which the server says that session tracking has something to report. */
const HAS_REPORT = 0x4000;
/** The flag by which it says that a backslash in a string is a character like others. */
const NO_BACKSLASHES = 0x200;
/** The kind of report that tells the value of a variable. */
const REPORT_VARIABLE = 0;

/** Returns the bits of the lexer for a sql_mode that the flags of an answer belong to. */
export function modeOf(sqlMode: number, flags: number): number {
  return (flags & NO_BACKSLASHES) === 0 ? sqlMode : sqlMode | NO_BACKSLASH_ESCAPES;
}

/**
 * Returns the bits of the lexer for the sql_mode that a packet reports, or undefined if it reports
 * none. `flags` are those that were read of it; only an OK packet has a report.
 */
export function readSqlMode(packet: Packet, flags: number): number | undefined {
  const { buffer, offset, end } = packet;
  if ((flags & HAS_REPORT) === 0) return undefined;
  // The end of rows says that something was changed, but not what.
  if (buffer[offset] !== 0) return MODE_UNKNOWN;
  const info = skipNumber(buffer, skipNumber(buffer, offset + 1)) + 4;
  const report = skipNumber(buffer, info) + readNumber(buffer, info);
  let mode: number | undefined;
  for (let at = skipNumber(buffer, report); at < end;) {
    const body = skipNumber(buffer, at + 1);
    const next = body + readNumber(buffer, at + 1);
    if (buffer[at] === REPORT_VARIABLE) {
      const [name, valueAt] = readText(buffer, body);
      if (name === "sql_mode") mode = bitsOf(readText(buffer, valueAt)[0]);
    }
    at = next;
  }
  return mode;
}

function readText(buffer: Uint8Array, at: number): [text: string, end: number] {
  const start = skipNumber(buffer, at);
  const end = start + readNumber(buffer, at);
  return [new TextDecoder().decode(buffer.subarray(start, end)), end];
}

function bitsOf(sqlMode: string): number {
  const modes = sqlMode.split(",");
  return (modes.includes("ANSI_QUOTES") ? ANSI_QUOTES : 0) |
    (modes.includes("IGNORE_SPACE") ? IGNORE_SPACE : 0);
}
