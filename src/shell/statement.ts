/** The arguments of statements, and errors whose stacks name the caller. */

import type { Statement } from "../port/session.ts";
import { refuseCallback } from "./refusals.ts";
import { cancellationOf } from "./cancellation.ts";
import { SubletError, withoutStack } from "./errors.ts";
import { type Limits, noLimits } from "./wait.ts";

/** When a statement is ended early. */
export interface RunOptions {
  /** Aborts the statement: it leaves the queue, or ends at the server. */
  readonly signal?: AbortSignal | undefined;
  /** Timeout in ms, which includes the wait for a connection; no limit unless given. */
  readonly timeout?: number | undefined;
}

/** A type that no function has: functions inherit this member from `Function`. */
export interface NoFunction {
  /** How `instanceof` asks a function. */
  readonly [Symbol.hasInstance]?: never;
}

/**
 * The values of placeholders: an array, or an object with their names; or the value of a single
 * placeholder. Not a callback: the pool returns promises.
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

/** A statement with options of the driver (`rowsAsArray`, `typeCast`, `nestTables` …). */
export interface StatementOptions extends RunOptions {
  /** Its text. */
  readonly sql: string;
  /** The values of its placeholders. */
  readonly values?: Values;
  /** Maximum bytes of rows; the option of the target unless given. */
  readonly maxResultBytes?: number | undefined;
  /** Options of the driver. */
  readonly [option: string]: unknown;
}

/** A row: values by the names of its columns. */
export type Row = Record<string, unknown>;

/** A column of a result; the driver's object has more members. */
export interface Field {
  /** Its name. */
  readonly name: string;
}

/** An SQL text with parsed parameters. */
export interface CompiledMethod {
  /** The text that is prepared. */
  readonly sql: string;
  /** Returns the values of its placeholders; throws an error that names a missing one. */
  bind(args: unknown): unknown[];
}

/** A statement with its arguments, as the caller gives them. */
export interface Asked {
  /** The statement. */
  readonly sql: string | StatementOptions;
  /** The values of its placeholders, or the argument of {@linkcode bind}. */
  readonly values: unknown;
  /** Whether it is prepared and executed, or sent as text. */
  readonly isPrepared: boolean;
  /** When the statement is ended early. */
  readonly options: RunOptions | undefined;
  /** Returns the values of its placeholders; throws an error that names a missing one. */
  readonly bind?: (values: unknown) => unknown[];
}

/** Returns a statement as a session takes it; throws a `TypeError` if it has a callback. */
export function statementOf(
  sql: string | StatementOptions,
  values: unknown,
  isPrepared: boolean,
): Statement {
  refuseCallback(values);
  if (typeof sql === "string") return { sql, values, isPrepared, options: undefined };
  if (typeof sql !== "object" || sql === null || typeof sql.sql !== "string") {
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

function checkLimit(bytesMax: unknown): void {
  if (bytesMax === undefined || typeof bytesMax === "number" && bytesMax >= 1) return;
  const message = `The option "maxResultBytes" must be a number from 1 on: received ${bytesMax}`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/**
 * Returns the options that end a statement early, from beside the statement or from its object;
 * throws a `TypeError` for a callback.
 */
export function runOptionsOf(
  sql: string | StatementOptions,
  options: RunOptions = NO_OPTIONS,
): RunOptions {
  refuseCallback(options);
  if (typeof sql === "string") return options;
  return { signal: options.signal ?? sql.signal, timeout: options.timeout ?? sql.timeout };
}

/** Returns the signal and the deadline of a statement. */
export function limitsOf({ signal: given, timeout }: RunOptions, clock: { now(): number }): Limits {
  const signal = cancellationOf(given);
  if (timeout === undefined) return signal === undefined ? noLimits : { signal, endsAt: undefined };
  if (typeof timeout !== "number" || !(timeout >= 0)) {
    const message = `The time-out must be a number of ms that is not negative: received ${timeout}`;
    throw new SubletError("OPTION_INVALID", "options", message);
  }
  return { signal, endsAt: clock.now() + timeout };
}

const NO_OPTIONS: RunOptions = {};

const restacked = new WeakSet<Error>();

/** Keeps the stack of an error that the caller's own code has thrown. */
export function keepStack(error: unknown): void {
  if (error instanceof Error) restacked.add(error);
}

/** Returns the pool's own error for one by which a session has ended a statement. */
function ownError(error: unknown): unknown {
  const { code, message } = Object(error) as Partial<Record<string, unknown>>;
  if (code !== "RESULT_TOO_LARGE" || error instanceof SubletError) return error;
  return withoutStack(() => new SubletError(code, "statement", String(message)));
}

/**
 * Gives an error the stack of the caller of `entry`, and keeps the driver's stack below it. Returns
 * the error, or the pool's own in its place.
 */
export function restack(caught: unknown, entry: (...args: never[]) => unknown): unknown {
  const error = ownError(caught);
  if (!(error instanceof Error) || restacked.has(error) || !Object.isExtensible(error)) {
    return error;
  }
  restacked.add(error);
  // The engine formats a stack at the first read, which costs more than the rest of an error.
  const stack = error instanceof SubletError ? undefined : error.stack;
  Error.captureStackTrace(error, entry);
  if (stack === undefined) return error;
  const frames = stack.slice(Math.max(0, stack.indexOf("\n    at ")));
  if (frames.startsWith("\n")) error.stack = `${error.stack}\n  caused at${frames}`;
  return error;
}
