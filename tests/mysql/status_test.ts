/** How the pool reads status packets, byte by byte as MariaDB 10.11 and MySQL 9.7 sent them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { DriverCommand, Packet } from "../../src/mysql/mysql2_internals.ts";
import {
  AUTOCOMMIT,
  CHANGED,
  HAS_ID,
  IN_TRANSACTION,
  isRow,
  MOVED,
  noReport,
  readError,
  readStatus,
  RECODED,
  UNCLEAR,
  UNTOLD,
} from "../../src/mysql/status.ts";

const header = (): void => undefined;
const row = (): void => undefined;
const awaiting: DriverCommand = { next: header, resultsetHeader: header, row };
const reading: DriverCommand = { next: row, resultsetHeader: header, row };

function packet(hex: string): Packet {
  const payload = Buffer.from(hex.replaceAll(" ", ""), "hex");
  const buffer = Buffer.concat([Buffer.from([9, 9, 9, 9]), payload, Buffer.from([9, 9])]);
  const read = { buffer, offset: 4, end: 4 + payload.length, sequenceId: 1, numPackets: 1 };
  return { ...read, clone: () => packet(hex) };
}

function told(hex: string, command: DriverCommand = awaiting): number {
  const status = readStatus(packet(hex), command);
  return status === UNTOLD ? status : status & (AUTOCOMMIT | IN_TRANSACTION | CHANGED | MOVED);
}

test("an OK packet shows the transaction and autocommit", () => {
  assert.equal(told("00 01 00 02 00 00 00"), AUTOCOMMIT);
  assert.equal(told("00 00 00 03 00 00 00"), AUTOCOMMIT | IN_TRANSACTION);
  assert.equal(told("00 fc 10 27 fd 40 42 0f 01 00 00 00"), IN_TRANSACTION);
});

test("an OK packet shows changed state, and a changed database", () => {
  assert.equal(told("00 00 00 02 40 00 00 00 03 02 01 31"), AUTOCOMMIT | CHANGED);
  assert.equal(
    told("00 00 00 02 40 00 00 00 08 01 03 02 64 32 02 01 31"),
    AUTOCOMMIT | CHANGED | MOVED,
  );
  const info = "26 5265636f7264733a203120204475706c6963617465733a203020205761726e696e67733a2030";
  assert.equal(told(`00 01 00 02 40 00 00 ${info} 03 02 01 31`), AUTOCOMMIT | CHANGED);
});

test("reports of the transaction's state, and of variables alone, are not changes", () => {
  assert.equal(told("00 00 00 03 40 00 00 00 0b 05 09 08 545f5f5f5f5f5f5f"), 3);
  assert.equal(told("00 00 00 02 40 00 00 00 06 00 04 01 61 01 62"), AUTOCOMMIT);
});

test("a report of the transaction is valid until the next packet", () => {
  const report = { ...noReport };
  const read = (hex: string): object => {
    readStatus(packet(hex), awaiting, report);
    return { ...report };
  };
  const begun = "00 00 00 03 40 00 00 00 20 05 09 08 545f5f5f5f5f5f5f" +
    "04 13 12 5354415254205452414e53414354494f4e3b";
  const told = { isGiven: true, isEmpty: false };
  assert.deepEqual(read(begun), {
    ...told,
    letters: "T_______",
    characteristics: "START TRANSACTION;",
  });
  assert.deepEqual(read("00 00 00 03 00 00 00"), noReport);
  assert.deepEqual(read("00 00 00 03 40 00 00 00 00"), { ...noReport, ...told, isEmpty: true });
});

test("a report of a variable that changes the meaning of texts is RECODED", () => {
  const reported = (hex: string): number => readStatus(packet(hex), awaiting) & RECODED;
  assert.equal(reported("00 00 00 02 40 00 00 00 0c 00 0a 08 73716c5f6d6f6465 00"), RECODED);
  assert.equal(reported("00 00 00 02 40 00 00 00 0d 00 0b 09 74696d655f7a6f6e65 00"), 0);
});

test("a generated id is HAS_ID, and a change in a transaction's EOF packet UNCLEAR", () => {
  const flags = (hex: string, command = awaiting): number => readStatus(packet(hex), command);
  assert.equal(flags("00 01 07 02 00 00 00") & HAS_ID, HAS_ID);
  assert.equal(flags("00 01 fc 00 01 02 00 00 00") & HAS_ID, HAS_ID);
  assert.equal(flags("00 01 00 02 00 00 00") & HAS_ID, 0);
  assert.equal(flags("fe 00 00 03 40", reading) & (UNCLEAR | CHANGED), UNCLEAR);
  assert.equal(flags("fe 00 00 02 40", reading) & (UNCLEAR | CHANGED), CHANGED);
});

test("a report that cannot be read counts as a change, and nothing is thrown", () => {
  assert.equal(told("00 00 00 02 40 00 00 00 08 05 ff"), AUTOCOMMIT | CHANGED);
  assert.equal(told("00 fe ff ff ff ff ff ff ff ff"), UNTOLD);
});

test("an EOF packet shows the same by its flags", () => {
  assert.equal(told("fe 00 00 02 00", reading), AUTOCOMMIT);
  assert.equal(told("fe 00 00 23 00", reading), AUTOCOMMIT | IN_TRANSACTION);
  assert.equal(told("fe 00 00 02 40", reading), AUTOCOMMIT | CHANGED);
});

test("a row is not read as an OK or EOF packet", () => {
  assert.equal(told("00 00 00 02 40 00 00", reading), UNTOLD);
  assert.equal(told("fe 00 00 00 00 01 00 00 00 61", reading), UNTOLD);
  assert.equal(told("00 00 00 02 40 00 00", { next: header }), UNTOLD);
  assert.equal(isRow(packet("00 00 01 31"), reading), true);
  assert.equal(isRow(packet("fe 00 00 02 00"), reading), false);
  assert.equal(isRow(packet("ff bd 04"), reading), false);
  assert.equal(isRow(packet("00 00 00 02 00 00 00"), awaiting), false);
});

test("an error packet has a number and a text", () => {
  assert.deepEqual(readError(packet("ff bd 04 23 34 30 30 30 31 61 62")), {
    errno: 1213,
    sqlState: "40001",
    message: "#40001ab",
  });
  assert.equal(readError(packet("00 bd 04")), undefined);
});
