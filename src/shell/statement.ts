/** How statements are given, and how their failures name the line that gave them. */

import type { Statement } from "../port/session.ts";
import { refuseCallback } from "./refusals.ts";
import { cancellationOf } from "./cancellation.ts";
import { SubletError, withoutStack } from "./errors.ts";
import { type Limits, noLimits } from "./wait.ts";

/** Until when a statement may take. */
export interface RunOptions {
  /** Ends it when it is aborted: it leaves the queue, or ends at the server. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take in all, with the wait for a connection, in ms; no limit unless given. */
  readonly timeout?: number | undefined;
}

/** What no function is: it inherits from `Function`, which has this. */
export interface NoFunction {
  /** What a function is asked whether it is the class of a value. */
  readonly [Symbol.hasInstance]?: never;
}

/**
 * What the placeholders of a statement stand for: an array, or an object by their names; or the
 * one value of a single placeholder. Not a callback: the pool returns promises.
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
  /** What its placeholders stand for. */
  readonly values?: Values;
  /** How many bytes of rows it may bring; what the target says unless given. */
  readonly maxResultBytes?: number | undefined;
  /** Any other option is the driver's. */
  readonly [option: string]: unknown;
}

/** A row, by the names of its columns. */
export type Row = Record<string, unknown>;

/** A column of a result; the driver tells more of it. */
export interface Field {
  /** Its name. */
  readonly name: string;
}

/** An SQL text whose parameters have been found. */
export interface CompiledMethod {
  /** The text that is prepared. */
  readonly sql: string;
  /** Returns what its placeholders stand for; throws an error that names what is missing. */
  bind(args: unknown): unknown[];
}

/** A statement as its user asks for it. */
export interface Asked {
  /** The statement. */
  readonly sql: string | StatementOptions;
  /** What its placeholders stand for, or what {@linkcode bind} makes that of. */
  readonly values: unknown;
  /** Whether it is prepared and executed, or sent as text. */
  readonly isPrepared: boolean;
  /** What ends it early. */
  readonly options: RunOptions | undefined;
  /** Returns what its placeholders stand for; throws an error that names what is missing. */
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
 * Returns what ends a statement early, which may be given beside it or in it; throws a `TypeError`
 * if a callback was given instead.
 */
export function runOptionsOf(
  sql: string | StatementOptions,
  options: RunOptions = NO_OPTIONS,
): RunOptions {
  refuseCallback(options);
  if (typeof sql === "string") return options;
  return { signal: options.signal ?? sql.signal, timeout: options.timeout ?? sql.timeout };
}

/** Returns until when a statement may take. */
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

/** Leaves the stack of an error as it is: it was thrown by code of the user. */
export function keepStack(error: unknown): void {
  if (error instanceof Error) restacked.add(error);
}

/** Returns the error of the pool that stands for one of a session that has ended a statement. */
function ownError(error: unknown): unknown {
  const { code, message } = Object(error) as Partial<Record<string, unknown>>;
  if (code !== "RESULT_TOO_LARGE" || error instanceof SubletError) return error;
  return withoutStack(() => new SubletError(code, "statement", String(message)));
}

/**
 * Lets an error name the lines that lead to the caller of `entry`, below which it was caught,
 * and returns it, or the pool's own in its place. Where the driver made it is kept below that.
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
