/**
 * Integers that a number of JavaScript cannot hold: what the option `bigint` makes of them.
 *
 * The driver can make strings of them, but no BigInt. This module converts the strings, in whole
 * answers.
 */

import type { TargetOptions } from "./target_options.ts";
import { TargetOptionError } from "./target_rules.ts";

/** The driver's number for a column of the type BIGINT. */
const LONGLONG = 8;

/** The driver's options for big integers. */
export interface BigIntegerOptions {
  /** Whether an integer that a number cannot hold is a string. */
  readonly supportBigNumbers: boolean;
  /** Whether each BIGINT is a string. */
  readonly bigNumberStrings: boolean | undefined;
}

/** Returns the driver's options for big integers; throws if the options of a target contradict. */
export function bigIntegerOptionsOf(options: TargetOptions): BigIntegerOptions {
  const { bigint, supportBigNumbers, bigNumberStrings } = options;
  const isGiven = supportBigNumbers !== undefined || bigNumberStrings !== undefined;
  if (bigint !== undefined && isGiven) {
    const expected = "left out where supportBigNumbers or bigNumberStrings is given";
    throw new TargetOptionError("bigint", bigint, expected);
  }
  if (bigint === "number") return { supportBigNumbers: false, bigNumberStrings: undefined };
  if (bigint === "bigint") return { supportBigNumbers: true, bigNumberStrings: true };
  return { supportBigNumbers: supportBigNumbers ?? true, bigNumberStrings };
}

interface Column {
  readonly name: string;
  readonly table: string;
  readonly columnType: number;
}

/**
 * Makes a BigInt of each BIGINT in an answer, and of an id that a number cannot hold.
 *
 * @param rows The rows, the header, or several of these.
 * @param fields The columns, or those of each result.
 * @param nestTables The driver's option of that name.
 */
export function toBigints(rows: unknown, fields: unknown, nestTables: unknown): void {
  if (!Array.isArray(rows)) {
    const header = Object(rows) as { insertId?: unknown };
    if (typeof header.insertId === "string") header.insertId = BigInt(header.insertId);
    return;
  }
  if (!Array.isArray(fields)) return;
  const isSeveral = fields.some((field) => field === undefined || Array.isArray(field));
  if (isSeveral) {
    for (const [index, result] of rows.entries()) toBigints(result, fields[index], nestTables);
    return;
  }
  for (const [index, column] of (fields as Column[]).entries()) {
    if (column.columnType !== LONGLONG) continue;
    for (const row of rows) convert(row, index, column, nestTables);
  }
}

function convert(row: object, index: number, { name, table }: Column, nestTables: unknown): void {
  if (Array.isArray(row)) return convertAt(row, index);
  if (nestTables === true) return convertAt(Reflect.get(row, table), name);
  convertAt(row, typeof nestTables === "string" ? table + nestTables + name : name);
}

function convertAt(row: object, key: PropertyKey): void {
  const value: unknown = Reflect.get(row, key);
  if (typeof value === "string" && /^-?\d+$/.test(value)) Reflect.set(row, key, BigInt(value));
}
