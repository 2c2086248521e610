/**
 * How many bytes of rows a statement may bring, so that no answer takes all memory.
 *
 * What exceeds the limit is ended at the server as an aborted statement is. Rows that come until
 * then are passed over, and those that came before are dropped. Only answers that are collected
 * are limited: who reads rows one by one, as a stream does, keeps none.
 */

import type { Limit } from "./mysql2_hooks.ts";
import type { DriverCommand, DriverInternals, Packet } from "./mysql2_internals.ts";
import { isRow } from "./status.ts";

/** Ends what exceeds a limit. */
export interface ResultEnd {
  /** Ends what the session does at the server. */
  cancelStatement(reason: Error): void;
  /** Ends the session, of which nothing is read any more. */
  abandon(reason: Error): void;
}

/** By this code the pool knows that a statement has exceeded its limit. */
const code = "RESULT_TOO_LARGE";

/** Limits what each statement of a connection may bring, unless its own options say otherwise. */
export class ResultLimit implements Limit {
  readonly #driver: DriverInternals;
  readonly #bytesMax: number;
  readonly #end: ResultEnd;
  #command: DriverCommand | undefined;
  #bytes = 0;
  #bytesLeast = Infinity;
  #isOver = false;

  /** Limits answers on a connection; `end` ends what exceeds the limit. */
  constructor(driver: DriverInternals, bytesMax: number | undefined, end: ResultEnd) {
    this.#driver = driver;
    this.#bytesMax = bytesMax ?? Infinity;
    this.#end = end;
  }

  /** Counts a packet, if it is a row; tells whether the driver is not to get it. */
  passesOver(packet: Packet): boolean {
    const command = this.#counted();
    if (command === undefined || !isRow(packet, command)) return false;
    this.#bytes += packet.end - packet.offset;
    if (this.#bytes <= this.#bytesLeast) return false;
    if (!this.#isOver) this.#exceed(command, (reason) => this.#end.cancelStatement(reason));
    this.#driver.sequenceId = (packet.sequenceId + packet.numPackets) % 256;
    return true;
  }

  /** Keeps nothing of a statement that has ended. */
  forget(): void {
    if (this.#driver._command !== this.#command) this.#command = undefined;
  }

  /** Ends a session that is sent a row whose first packets exceed the limit; tells whether so. */
  exceedsBy(bytes: number): boolean {
    const command = this.#counted();
    if (command?.next !== command?.row || this.#bytes + bytes <= this.#bytesLeast) return false;
    if (command !== undefined) this.#exceed(command, (reason) => this.#end.abandon(reason));
    return true;
  }

  /** Returns the statement that is answered, if its answer is collected and limited. */
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

/** Returns the limit that a statement has of its own. */
function ownLimitOf({ _queryOptions, _executeOptions }: DriverCommand): number | undefined {
  return (_queryOptions ?? _executeOptions)?.maxResultBytes;
}

function tooLarge(bytesMax: number): Error {
  const message = `The rows of the statement exceed ${bytesMax} bytes (maxResultBytes): ask for ` +
    "fewer rows or columns, read them as a stream of a lease's connection, or raise the limit";
  return Object.assign(new Error(message), { code });
}
