/**
 * Limits how many bytes of rows a statement may return, so that no result takes all memory.
 *
 * If a result exceeds the limit, the session cancels the statement at the server, as an abort
 * does. It drops the rows collected so far, and withholds the rows that still arrive from the
 * driver. Only collected results are limited: a caller that reads rows one by one, as from a
 * stream, keeps none.
 */

import type { Limit } from "./mysql2_hooks.ts";
import type { DriverCommand, DriverInternals, Packet } from "./mysql2_internals.ts";
import { isRow } from "./status.ts";

/** Stops a result that exceeds its limit. */
export interface ResultEnd {
  /** Cancels the running statement at the server. */
  cancelStatement(reason: Error): void;
  /** Ends the session without reading the rest of the answer. */
  abandon(reason: Error): void;
}

/** The error code by which the pool recognizes a result that exceeds its limit. */
const code = "RESULT_TOO_LARGE";

/** Limits the rows of each statement on a connection; a statement's own option overrides it. */
export class ResultLimit implements Limit {
  readonly #driver: DriverInternals;
  readonly #bytesMax: number;
  readonly #end: ResultEnd;
  #command: DriverCommand | undefined;
  #bytes = 0;
  #bytesLeast = Infinity;
  #isOver = false;

  /** Limits results on a connection; `end` stops a result that exceeds the limit. */
  constructor(driver: DriverInternals, bytesMax: number | undefined, end: ResultEnd) {
    this.#driver = driver;
    this.#bytesMax = bytesMax ?? Infinity;
    this.#end = end;
  }

  /** Counts a packet if it is a row; returns whether to withhold the packet from the driver. */
  passesOver(packet: Packet): boolean {
    const command = this.#counted();
    if (command === undefined || !isRow(packet, command)) return false;
    this.#bytes += packet.end - packet.offset;
    if (this.#bytes <= this.#bytesLeast) return false;
    if (!this.#isOver) this.#exceed(command, (reason) => this.#end.cancelStatement(reason));
    this.#driver.sequenceId = (packet.sequenceId + packet.numPackets) % 256;
    return true;
  }

  /** Drops the reference to a statement that has ended. */
  forget(): void {
    if (this.#driver._command !== this.#command) this.#command = undefined;
  }

  /** Ends the session if the first packets of a row exceed the limit; returns whether they do. */
  exceedsBy(bytes: number): boolean {
    const command = this.#counted();
    if (command?.next !== command?.row || this.#bytes + bytes <= this.#bytesLeast) return false;
    if (command !== undefined) this.#exceed(command, (reason) => this.#end.abandon(reason));
    return true;
  }

  /** Returns the statement that the server answers now, if its rows are collected and limited. */
  #counted(): DriverCommand | undefined {
    const command = this.#driver._command;
    if (!command || command.row === undefined) return undefined;
    if (command !== this.#command) {
      if (command.onResult === undefined) return undefined;
      this.#command = command;
      this.#bytes = 0;
      this.#bytesLeast = ownLimitOf(command) ?? this.#bytesMax;
      this.#isOver = false;
    }
    return this.#bytesLeast === Infinity ? undefined : command;
  }

  #exceed(command: DriverCommand, end: (reason: Error) => void): void {
    const reason = tooLarge(this.#bytesLeast);
    this.#isOver = true;
    for (const rows of [command._rows, command._currentRows]) rows?.splice(0);
    const { onResult } = command;
    command.onResult = () => undefined;
    end(reason);
    if (typeof onResult === "function") onResult.call(command, reason);
  }
}

/** Returns the limit in the options of a statement. */
function ownLimitOf({ _queryOptions, _executeOptions }: DriverCommand): number | undefined {
  return (_queryOptions ?? _executeOptions)?.maxResultBytes;
}

function tooLarge(bytesMax: number): Error {
  const message = `The rows of the statement exceed ${bytesMax} bytes (maxResultBytes): ask for ` +
    "fewer rows or columns, read them as a stream of a lease's connection, or raise the limit";
  return Object.assign(new Error(message), { code });
}
