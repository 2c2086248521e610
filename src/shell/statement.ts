/** The arguments of a statement, and the caller's lines in the stacks of its errors. */

import type { Statement } from "../port/session.ts";
import { refuseCallback } from "./refusals.ts";
import { cancellationOf } from "./cancellation.ts";
import { SubletError, withoutStack } from "./errors.ts";
import { checkOptions, kindOf } from "./option_names.ts";
import { type Limits, noLimits } from "./wait.ts";

/** Limits how long a statement may take. */
export interface RunOptions {
  /** On abort, the statement leaves the queue, or the pool cancels it at the server. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take, including the wait for a connection, in ms. No limit unless given. */
  readonly timeout?: number | undefined;
}

const RUN_OPTIONS: ReadonlySet<string> = new Set(
  ["signal", "timeout"] satisfies (keyof RunOptions)[],
);

/** A type that excludes functions, as each function inherits this member from `Function`. */
export interface NoFunction {
  /** The method behind `instanceof`. */
  readonly [Symbol.hasInstance]?: never;
}

/**
 * The values of a statement's placeholders: an array, or an object by their names; or the one value
 * of a single placeholder. Not a callback: the pool returns promises.
 */
export type Values =
  | Readonly<Record<string, unknown>>
  | (object & NoFunction)
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined;

/** A statement with options; those that the pool does not use itself, it passes to the driver. */
export interface StatementOptions extends RunOptions {
  /** The SQL text. */
  readonly sql: string;
  /** The values of its placeholders. */
  readonly values?: Values;
  /** Maximum size of the rows of its result, in bytes. Default: that of the target. */
  readonly maxResultBytes?: number | undefined;
  /** Query attributes, by name, for servers that take them. */
  readonly attributes?: object | undefined;
  /** Whether big numbers are always strings, with `supportBigNumbers`. */
  readonly bigNumberStrings?: boolean | undefined;
  /** Whether dates are strings, or the types of which they are. */
  readonly dateStrings?: boolean | readonly string[] | undefined;
  /** Whether decimals are numbers. */
  readonly decimalNumbers?: boolean | undefined;
  /** Whether the driver's parsers of rows work without `eval`. */
  readonly disableEval?: boolean | undefined;
  /** Opens the stream that LOAD DATA LOCAL sends. */
  readonly infileStreamFactory?: unknown;
  /** Whether its placeholders may have names. */
  readonly namedPlaceholders?: boolean | undefined;
  /** Whether a row has an object for each table, or what joins the names of table and column. */
  readonly nestTables?: boolean | string | undefined;
  /** Whether rows are arrays. */
  readonly rowsAsArray?: boolean | undefined;
  /** Whether big numbers that a number cannot hold are strings. */
  readonly supportBigNumbers?: boolean | undefined;
  /** The time zone of dates: "local", "Z" or an offset. */
  readonly timezone?: string | undefined;
  /** Whether values become those of JavaScript, or a function that converts them. */
  readonly typeCast?: unknown;
}

const STATEMENT_OPTIONS: ReadonlySet<string> = new Set(
  [
    "attributes",
    "bigNumberStrings",
    "dateStrings",
    "decimalNumbers",
    "disableEval",
    "infileStreamFactory",
    "maxResultBytes",
    "namedPlaceholders",
    "nestTables",
    "rowsAsArray",
    "signal",
    "sql",
    "supportBigNumbers",
    "timeout",
    "timezone",
    "typeCast",
    "values",
  ] satisfies (keyof StatementOptions)[],
);

/** The server's answer to a statement without rows, in the form of the driver. */
export interface ResultHeader {
  /** How many rows it has changed, inserted or deleted. */
  readonly affectedRows: number;
  /**
   * The id that it has generated, of several rows the first; 0 if none. One that a number cannot
   * hold is a string, or with `bigint: "bigint"` a BigInt.
   */
  readonly insertId: number;
  /** How many warnings it has left. */
  readonly warningStatus: number;
  /** The server's words about it, such as the count of rows that matched. */
  readonly info: string;
  /** How many rows an UPDATE has really changed. */
  readonly changedRows?: number;
}

/** A row: its values, by the names of the columns. */
export type Row = Record<string, unknown>;

/** A column of a result; the driver's object has further properties. */
export interface Field {
  /** Its name. */
  readonly name: string;
}

/** The SQL text of a method, after its parameters have been found. */
export interface CompiledMethod {
  /** The text that the server prepares. */
  readonly sql: string;
  /** Returns the values of its placeholders; throws an error that names a missing parameter. */
  bind(args: unknown): unknown[];
}

/** A statement as the caller gives it. */
export interface Asked {
  /** The statement. */
  readonly sql: string | StatementOptions;
  /** The values of its placeholders, or the argument of {@linkcode bind}. */
  readonly values: unknown;
  /** Whether the pool prepares and executes it, or sends it as text. */
  readonly isPrepared: boolean;
  /** Its limits. */
  readonly options: RunOptions | undefined;
  /** Returns the values of its placeholders; throws an error that names a missing parameter. */
  readonly bind?: (values: unknown) => unknown[];
}

/** Returns the statement for a session; throws a `TypeError` if the caller gave a callback. */
export function statementOf(
  sql: string | StatementOptions,
  values: unknown,
  isPrepared: boolean,
): Statement {
  refuseCallback(values);
  if (typeof sql === "string") return { sql, values, isPrepared, options: undefined };
  // Libraries make statements of classes of their own, with further properties.
  if (isPlain(sql)) checkOptions(sql, STATEMENT_OPTIONS);
  if (typeof Object(sql).sql !== "string") {
    throw new SubletError(
      "OPTION_INVALID",
      "options",
      "A statement is a text, or an object with one",
    );
  }
  checkLimit(sql.maxResultBytes);
  const { sql: text, values: own, signal: _signal, timeout: _timeout, ...options } = sql;
  refuseCallback(own);
  return { sql: text, values: values ?? own, isPrepared, options };
}

function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function checkLimit(bytesMax: unknown): void {
  if (bytesMax === undefined || typeof bytesMax === "number" && bytesMax >= 1) return;
  const message = `The option "maxResultBytes" must be a number from 1 on: received ${
    kindOf(bytesMax)
  }`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/**
 * Returns the limits of a statement, which the caller may give in the statement or as an argument;
 * throws a `TypeError` if the caller gave a callback instead.
 */
export function runOptionsOf(
  sql: string | StatementOptions,
  options?: RunOptions,
): RunOptions {
  if (options !== undefined) checkOptions(options, RUN_OPTIONS);
  if (typeof sql === "string") return options ?? NO_OPTIONS;
  return { signal: options?.signal ?? sql.signal, timeout: options?.timeout ?? sql.timeout };
}

/** Returns the limits of a statement, with its timeout as a deadline. */
export function limitsOf({ signal: given, timeout }: RunOptions, clock: { now(): number }): Limits {
  const signal = cancellationOf(given);
  if (timeout === undefined) return signal === undefined ? noLimits : { signal, endsAt: undefined };
  if (typeof timeout !== "number" || !(timeout >= 0)) {
    const message = `The timeout must be a number of ms from 0 on: received ${kindOf(timeout)}`;
    throw new SubletError("OPTION_INVALID", "options", message);
  }
  return { signal, endsAt: clock.now() + timeout, timeoutMs: timeout };
}

const NO_OPTIONS: RunOptions = {};

const restacked = new WeakSet<Error>();

/** Makes {@linkcode restack} leave an error as it is, as the caller's own code threw it. */
export function keepStack(error: unknown): void {
  if (error instanceof Error) restacked.add(error);
}

/** Returns a `SubletError` in place of a session's error that a result is too large. */
function ownError(error: unknown): unknown {
  const { code, message } = Object(error) as Partial<Record<string, unknown>>;
  if (code !== "RESULT_TOO_LARGE" || error instanceof SubletError) return error;
  return withoutStack(() => new SubletError(code, "statement", String(message)));
}

/**
 * Gives an error the stack of the code that called `entry`, and returns the error, or the pool's
 * own in its place. An error of the driver keeps its own stack below that.
 */
export function restack(caught: unknown, entry: (...args: never[]) => unknown): unknown {
  const error = ownError(caught);
  if (!(error instanceof Error) || restacked.has(error) || !Object.isExtensible(error)) {
    return error;
  }
  restacked.add(error);
  // A stack is formatted when it is first read, which costs more than all the rest of an error.
  const stack = error instanceof SubletError ? undefined : error.stack;
  Error.captureStackTrace(error, entry);
  if (stack === undefined) return error;
  const frames = stack.slice(Math.max(0, stack.indexOf("\n    at ")));
  if (frames.startsWith("\n")) error.stack = `${error.stack}\n  caused at${frames}`;
  return error;
}
