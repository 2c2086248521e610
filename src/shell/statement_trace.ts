/**
 * Tells of each statement: by the event "statement" and, for tracers, by the tracing channel
 * `sublet:statement` of `node:diagnostics_channel`. Without listeners and subscribers, a statement
 * costs one check.
 */

import { tracingChannel } from "node:diagnostics_channel";
import type { Clock, Instant, Statement } from "../port/session.ts";
import type { Events } from "./events.ts";

/** The message to subscribers of the tracing channel; `rows` or `error` is set at the end. */
export interface StatementMessage {
  /** The name of the virtual connection that the statement runs through. */
  readonly virtual: string;
  /** The text of the statement, without the values of its placeholders. */
  readonly sql: string;
  /** Whether it is prepared. */
  readonly isPrepared: boolean;
  /** How many rows it returned or affected, once it has ended. */
  rows?: number;
  /** The error that it rejects with, if it does. */
  error?: unknown;
}

const channel = tracingChannel<StatementMessage>("sublet:statement");

/** Tells whether statements have to be traced. */
export function isTraced(events: Events): boolean {
  // Bun has `hasSubscribers` on the single channels only.
  return events.hasListeners("statement") ||
    (channel.hasSubscribers ?? (channel.start.hasSubscribers || channel.asyncEnd.hasSubscribers));
}

/** The trace of one statement. */
export class StatementTrace {
  readonly #events: Events;
  readonly #clock: Clock;
  readonly #message: StatementMessage;
  readonly #begunAt: Instant;
  #sentAt: Instant | undefined;

  /** Creates the trace of a statement that begins now. */
  constructor(events: Events, clock: Clock, virtual: string, { sql, isPrepared }: Statement) {
    this.#events = events;
    this.#clock = clock;
    this.#message = { virtual, sql, isPrepared };
    this.#begunAt = clock.now();
  }

  /** Runs the code that begins the statement, within the stores of the channel's subscribers. */
  begin<T>(run: () => T): T {
    const result = channel.start.runStores(this.#message, run);
    channel.end.publish(this.#message);
    return result;
  }

  /** Notes that the statement is sent now. */
  sent(): void {
    this.#sentAt = this.#clock.now();
  }

  /** Tells that the statement was answered. */
  done(rows: unknown, fields: unknown): void {
    this.#message.rows = countOf(rows, fields);
    this.#end();
  }

  /** Tells that the statement has failed. */
  failed(error: unknown): void {
    this.#message.error = error;
    channel.error.publish(this.#message);
    this.#end();
  }

  #end(): void {
    const message = this.#message;
    channel.asyncStart.publish(message);
    channel.asyncEnd.publish(message);
    if (!this.#events.hasListeners("statement")) return;
    const now = this.#clock.now();
    const sentAt = this.#sentAt ?? now;
    const { virtual, sql, isPrepared, rows = 0, error } = message;
    const times = { waitMs: sentAt - this.#begunAt, runMs: now - sentAt };
    this.#events.emit("statement", { virtual, sql, isPrepared, rows, ...times, error });
    this.#events.flush();
  }
}

/** Counts the rows of an answer, of all results in it if it has several. */
function countOf(rows: unknown, fields: unknown): number {
  const isSeveral = Array.isArray(fields) && Array.isArray(rows) &&
    (Array.isArray(fields[0]) || fields.length > 0 && fields.includes(undefined));
  const results: readonly unknown[] = isSeveral ? rows : [rows];
  return results.reduce<number>((sum, result) => {
    if (Array.isArray(result)) return sum + result.length;
    return sum + Number(Object(result).affectedRows ?? 0);
  }, 0);
}
