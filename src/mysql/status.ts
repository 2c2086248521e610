/**
 * What the server says of its session at the end of every answer that is not an error.
 *
 * A statement without rows ends in an OK packet: status flags, and what session tracking has
 * to report. One with rows ends in an EOF packet, which has the flags alone. Both are read
 * from the wire, because the driver drops the flags of the latter and misreads the former.
 */

import type { DriverCommand, Packet } from "./internals.ts";

/** A transaction is open. */
export const IN_TRANSACTION = 0x1;
/** Each statement is a transaction of its own. */
export const AUTOCOMMIT = 0x2;
/** The session's state was changed: a variable, a temporary table, a statement prepared by text. */
export const CHANGED = 0x10000;
/** The session's current database was changed. */
export const MOVED = 0x20000;
/** The answer has left something to ask for: an id, a count of rows, a warning. */
export const ECHO = 0x40000;
/** The packet says nothing of the session. */
export const UNTOLD = -1;

/** The flag by which the server says that session tracking has something to report. */
const HAS_REPORT = 0x4000;
/** Kinds of reports: the current database, and that anything at all was changed. */
const REPORT_SCHEMA = 1;
const REPORT_STATE_CHANGE = 2;

/**
 * Returns the flags that a packet carries, {@linkcode CHANGED} and {@linkcode MOVED} among
 * them, or {@linkcode UNTOLD}. `command` is the one it answers, before it has seen it.
 */
export function readStatus(packet: Packet, command: DriverCommand | null | undefined): number {
  const { buffer, offset, end } = packet;
  const marker = buffer[offset];
  if (marker === 0xfe && end - offset === 5) {
    const flags = uint16(buffer, offset + 3) | (uint16(buffer, offset + 1) > 0 ? ECHO : 0);
    return (flags & HAS_REPORT) === 0 ? flags : flags | CHANGED;
  }
  // A row can begin like an OK packet: only the first packet of an answer is one.
  if (marker !== 0 || end - offset < 7 || !command || !awaitsHeader(command)) return UNTOLD;
  return readOk(buffer, offset + 1, end);
}

/** Returns the number and the text of the error that a packet reports, if it reports one. */
export function readError(
  { buffer, offset, end }: Packet,
): { readonly errno: number; readonly message: string } | undefined {
  if (buffer[offset] !== 0xff || end - offset < 3) return undefined;
  const message = new TextDecoder().decode(buffer.subarray(offset + 3, end));
  return { errno: uint16(buffer, offset + 1), message };
}

/** Tells whether a packet is a row to a command. */
export function isRow(packet: Packet, command: DriverCommand | null | undefined): boolean {
  if (!command || command.row === undefined || command.next !== command.row) return false;
  const { buffer, offset, end } = packet;
  const marker = buffer[offset];
  return marker !== 0xff && !(marker === 0xfe && end - offset < 9);
}

function awaitsHeader({ next, resultsetHeader, infileOk }: DriverCommand): boolean {
  return next !== undefined && (next === resultsetHeader || next === infileOk);
}

/** Reads an OK packet from behind its marker: two counts, flags, warnings, a text, the report. */
function readOk(buffer: Uint8Array, start: number, end: number): number {
  const at = skipNumber(buffer, skipNumber(buffer, start));
  if (at + 2 > end) return UNTOLD;
  const isSilent = at === start + 2 && buffer[start] === 0 && buffer[start + 1] === 0 &&
    uint16(buffer, at + 2) === 0;
  const flags = uint16(buffer, at) | (isSilent ? 0 : ECHO);
  if ((flags & HAS_REPORT) === 0) return flags;
  const info = at + 4;
  const report = skipNumber(buffer, info) + readNumber(buffer, info);
  return flags | readReport(buffer, skipNumber(buffer, report), end);
}

/** Reads a report of session tracking; one that cannot be read counts as a change. */
function readReport(buffer: Uint8Array, start: number, end: number): number {
  let changes = 0;
  for (let at = start; at < end;) {
    const kind = buffer[at];
    if (kind === REPORT_STATE_CHANGE) changes |= CHANGED;
    else if (kind === REPORT_SCHEMA) changes |= CHANGED | MOVED;
    const next = skipNumber(buffer, at + 1) + readNumber(buffer, at + 1);
    if (next > end) return changes | CHANGED;
    at = next;
  }
  return changes;
}

function uint16(buffer: Uint8Array, at: number): number {
  return (buffer[at] ?? 0) | ((buffer[at + 1] ?? 0) << 8);
}

/** Returns where a length-encoded number ends. */
export function skipNumber(buffer: Uint8Array, at: number): number {
  const first = buffer[at] ?? 0;
  return at + (first < 0xfc ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9);
}

/** Returns a length-encoded number; lengths of 2^32 and more do not come in such packets. */
export function readNumber(buffer: Uint8Array, at: number): number {
  const first = buffer[at] ?? 0;
  if (first < 0xfb) return first;
  if (first === 0xfc) return uint16(buffer, at + 1);
  if (first === 0xfd) return uint16(buffer, at + 1) + ((buffer[at + 3] ?? 0) * 0x10000);
  return uint16(buffer, at + 1) + uint16(buffer, at + 3) * 0x10000;
}
