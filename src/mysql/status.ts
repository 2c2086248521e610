/**
 * Reads what the server says about its session at the end of every answer that is not an error.
 *
 * An answer without rows ends in an OK packet: status flags, and the report of session tracking.
 * An answer with rows ends in an EOF packet, which has the flags alone. This file reads both from
 * the wire, because the driver drops the flags of EOF packets and misreads OK packets.
 */

import type { DriverCommand, Packet } from "./mysql2_internals.ts";

/** A transaction is open. */
export const IN_TRANSACTION = 0x1;
/** Each statement is a transaction of its own. */
export const AUTOCOMMIT = 0x2;
/** The session's state has changed: a variable, a temporary table, a statement by PREPARE. */
export const CHANGED = 0x10000;
/** The session's current database has changed. */
export const MOVED = 0x20000;
/** The answer left something for a later statement to read: an id, a count, a warning. */
export const RESULT_INFO = 0x40000;
/**
 * In a transaction, the state of the session has changed, or only that of the transaction.
 * MariaDB shows which in the next OK packet that has a report.
 */
export const UNCLEAR = 0x80000;
/** The meaning of texts has changed: sql_mode, a character set or a collation. */
export const RECODED = 0x100000;
/** The answer holds an insert id. */
export const HAS_ID = 0x200000;
/** The answer counts one affected row. */
export const ONE_ROW = 0x400000;
/** The packet says nothing about the session. */
export const UNTOLD = -1;

/** A backslash in a string is an ordinary character. */
export const NO_BACKSLASH = 0x200;
/** More answers follow to the same command. */
export const MORE_RESULTS = 0x8;
/** The server's flag which says that session tracking has something to report. */
const HAS_REPORT = 0x4000;
/**
 * Kinds of reports: a variable, the current database, any change at all, how the open transaction
 * began, and what has happened in it.
 */
const REPORT_VARIABLE = 0;
const REPORT_SCHEMA = 1;
const REPORT_STATE_CHANGE = 2;
const REPORT_CHARACTERISTICS = 4;
const REPORT_TRANSACTION = 5;

/** The variables that change the meaning of a text to the server. */
const recoding = /^(?:sql_mode|character_set_\w+|collation_\w+)$/;

/** What session tracking reported of the transaction, at the end of one answer. */
export interface TransactionReport {
  /** Whether there was a report, of whatever kind. */
  isGiven: boolean;
  /** Whether it was empty: all that had changed is as it was before. */
  isEmpty: boolean;
  /** The letters that say what has happened in the transaction; undefined if not reported. */
  letters: string | undefined;
  /** The statement that would begin such a transaction; undefined if not reported. */
  characteristics: string | undefined;
}

/**
 * Returns the flags of a packet, with {@linkcode CHANGED}, {@linkcode MOVED} and the other flags of
 * this file, or {@linkcode UNTOLD}. `command` is the command that the packet answers, in its state
 * before it reads the packet. Writes what the packet reports of the transaction into `report`.
 */
export function readStatus(
  packet: Packet,
  command: DriverCommand | null | undefined,
  report?: TransactionReport,
): number {
  if (report?.isGiven) Object.assign(report, noReport);
  const { buffer, offset, end } = packet;
  const marker = buffer[offset];
  if (marker === 0xfe && end - offset === 5) {
    const flags = uint16(buffer, offset + 3) | (uint16(buffer, offset + 1) > 0 ? RESULT_INFO : 0);
    if ((flags & HAS_REPORT) === 0) return flags;
    return flags | ((flags & IN_TRANSACTION) === 0 ? CHANGED : UNCLEAR);
  }
  // A row can begin like an OK packet, but only the first packet of an answer is an OK packet.
  if (marker !== 0 || end - offset < 7 || !command || !awaitsOk(command)) return UNTOLD;
  return readOk(buffer, offset + 1, end, report);
}

/** The content of a packet's report if the packet has none. */
export const noReport: Readonly<TransactionReport> = {
  isGiven: false,
  isEmpty: false,
  letters: undefined,
  characteristics: undefined,
};

/** A server error, as its packet has it. */
export interface ServerError {
  /** Its number. */
  readonly errno: number;
  /** Its SQLSTATE; empty if the server sent none. */
  readonly sqlState: string;
  /** Its text, with the marker and the SQLSTATE before it. */
  readonly message: string;
}

/** Returns the error that a packet reports, if it reports one. */
export function readError({ buffer, offset, end }: Packet): ServerError | undefined {
  if (buffer[offset] !== 0xff || end - offset < 3) return undefined;
  const message = new TextDecoder().decode(buffer.subarray(offset + 3, end));
  const sqlState = message.startsWith("#") ? message.slice(1, 6) : "";
  return { errno: uint16(buffer, offset + 1), sqlState, message };
}

/** Returns whether a packet is a row for a command. */
export function isRow(packet: Packet, command: DriverCommand | null | undefined): boolean {
  if (!command || command.row === undefined || command.next !== command.row) return false;
  const { buffer, offset, end } = packet;
  const marker = buffer[offset];
  return marker !== 0xff && !(marker === 0xfe && end - offset < 9);
}

/** Returns whether the next packet of a command may be an OK packet. */
function awaitsOk(command: DriverCommand): boolean {
  const { next, resultsetHeader, infileOk } = command;
  if (next === undefined) return false;
  if (next === resultsetHeader || next === infileOk) return true;
  const { pingResponse, resetConnectionResponse, handshakeResult } = command;
  return next === pingResponse || next === resetConnectionResponse || next === handshakeResult;
}

/** Reads an OK packet after its marker: rows, an id, flags, warnings, a text, the report. */
function readOk(
  buffer: Uint8Array,
  start: number,
  end: number,
  report: TransactionReport | undefined,
): number {
  const idAt = skipNumber(buffer, start);
  const at = skipNumber(buffer, idAt);
  if (at + 2 > end) return UNTOLD;
  const hasId = at > idAt + 1 || buffer[idAt] !== 0;
  const isSilent = !hasId && idAt === start + 1 && buffer[start] === 0 &&
    uint16(buffer, at + 2) === 0;
  const flags = uint16(buffer, at) | (isSilent ? 0 : RESULT_INFO) | (hasId ? HAS_ID : 0) |
    (buffer[start] === 1 ? ONE_ROW : 0);
  if ((flags & HAS_REPORT) === 0) return flags;
  const info = at + 4;
  const from = skipNumber(buffer, info) + readNumber(buffer, info);
  return flags | readReport(buffer, skipNumber(buffer, from), end, report ?? { ...noReport });
}

/** Reads a report of session tracking; an unreadable report counts as a change. */
function readReport(
  buffer: Uint8Array,
  start: number,
  end: number,
  report: TransactionReport,
): number {
  report.isGiven = true;
  report.isEmpty = start >= end;
  let changes = 0;
  for (let at = start; at < end;) {
    const kind = buffer[at];
    const body = skipNumber(buffer, at + 1);
    const next = body + readNumber(buffer, at + 1);
    if (next > end) return changes | CHANGED;
    if (kind === REPORT_STATE_CHANGE) changes |= CHANGED;
    else if (kind === REPORT_SCHEMA) changes |= CHANGED | MOVED;
    else if (kind === REPORT_VARIABLE) {
      if (recoding.test(readText(buffer, body, next))) changes |= RECODED;
    } else if (kind === REPORT_TRANSACTION) report.letters = readText(buffer, body, next);
    else if (kind === REPORT_CHARACTERISTICS) {
      report.characteristics = readText(buffer, body, next);
    }
    at = next;
  }
  return changes;
}

/** Reads a text after its length; the texts used from a report are plain ASCII. */
function readText(buffer: Uint8Array, at: number, end: number): string {
  const start = skipNumber(buffer, at);
  const stop = Math.min(start + readNumber(buffer, at), end);
  return String.fromCharCode(...buffer.subarray(start, stop));
}

function uint16(buffer: Uint8Array, at: number): number {
  return (buffer[at] ?? 0) | ((buffer[at + 1] ?? 0) << 8);
}

/** Returns where a length-encoded number ends. */
export function skipNumber(buffer: Uint8Array, at: number): number {
  const first = buffer[at] ?? 0;
  return at + (first < 0xfc ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9);
}

/** Returns a length-encoded number; such packets have no lengths of 2^32 and more. */
export function readNumber(buffer: Uint8Array, at: number): number {
  const first = buffer[at] ?? 0;
  if (first < 0xfb) return first;
  if (first === 0xfc) return uint16(buffer, at + 1);
  if (first === 0xfd) return uint16(buffer, at + 1) + ((buffer[at + 3] ?? 0) * 0x10000);
  return uint16(buffer, at + 1) + uint16(buffer, at + 3) * 0x10000;
}
