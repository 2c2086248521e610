/**
 * The commands of a driver connection: the one that runs, and those that wait behind it. Some
 * report by a callback. The others report by events, which the driver fails to emit when the
 * connection is lost.
 */

import type { Readable } from "node:stream";
import type { DriverCommand, DriverInternals, LiveCommand } from "./mysql2_internals.ts";

/** A command whose rows can be read as a stream. */
interface StreamingCommand extends LiveCommand {
  stream(options?: object): Readable;
}

/** The streams that were made from each command. */
const streams: WeakMap<LiveCommand, Readable[]> = new WeakMap();

/** Tells whether a connection runs a command or has commands waiting. */
export function isBusy({ _command, _commands }: DriverInternals): boolean {
  return Boolean(_command) || _commands.length > 0;
}

/** Returns the running command and those that wait behind it, in order. */
export function commandsOf({ _command, _commands }: DriverInternals): LiveCommand[] {
  const waiting = Array.from({ length: _commands.length }, (_, i) => _commands.get(i));
  return [_command, ...waiting].filter((command) => command != null);
}

/** Removes the commands that wait behind the running one, so that they never run. */
export function dropWaiting({ _commands }: DriverInternals): void {
  while (_commands.shift() !== undefined);
}

/**
 * Makes a command note its streams, so that only those of a failed command need an error listener.
 */
export function noteStreams(command: unknown): void {
  if (isStreaming(command) && command.stream !== streamNoted) command.stream = streamNoted;
}

function isStreaming(command: unknown): command is StreamingCommand {
  return typeof command === "object" && command !== null && "stream" in command &&
    typeof command.stream === "function";
}

function streamNoted(this: StreamingCommand, options?: object): Readable {
  const made: Readable = Object.getPrototypeOf(this).stream.call(this, options);
  streams.set(this, [...streams.get(this) ?? [], made]);
  return made;
}

/**
 * Reports an error to a command in the next microtask, by its callback or by events, unless
 * something else ends the command before that. If nothing listens for errors, calls `unheard`; a
 * reader of rows then gets no "end" event, which would mean that it has all rows.
 */
export function fail(
  command: LiveCommand,
  error: unknown,
  unheard: (error: unknown) => void = ignore,
): void {
  let isOver = false;
  command.prependOnceListener("end", () => isOver = true);
  // Other code of the driver emits "error" without checking for listeners.
  command.on("error", ignore);
  // Otherwise the caller's timeout would run on and fail the command once more.
  clearTimeout(command.queryTimeout ?? undefined);
  command.queryTimeout = null;
  const { onResult } = command;
  const emit = command.emit.bind(command);
  queueMicrotask(() => {
    command.off("error", ignore);
    if (isOver) return;
    if (onResult !== undefined) onResult.call(command, error);
    else if (command.listenerCount("error") > 0) {
      // The driver destroys the streams with the error; without a listener, that would end the
      // process.
      for (const stream of streams.get(command) ?? []) stream.on("error", ignore);
      emit("error", error);
    } else unheard(error);
    if (onResult !== undefined || !isReadUnheard(command)) emit("end");
  });
}

function isReadUnheard(command: LiveCommand): boolean {
  return command.listenerCount("error") === 0 && command.listenerCount("result") > 0;
}

function ignore(_error: unknown): void {}

/**
 * Silences a running command: the driver reads its answer to the end but reports nothing. Returns a
 * promise that resolves at that end.
 */
export function mute(command: LiveCommand): Promise<void> {
  return new Promise((resolve) => {
    command.onResult = undefined;
    command.emit = (name) => {
      if (name === "end") resolve();
      return false;
    };
  });
}

/** Tells whether a command is a ping, a reset or a login, or closes a prepared statement. */
export function isOfNoStatement(command: DriverCommand): boolean {
  const { pingResponse, resetConnectionResponse, handshakeResult, prepareHeader, id } = command;
  return pingResponse !== undefined || resetConnectionResponse !== undefined ||
    handshakeResult !== undefined || prepareHeader === undefined && typeof id === "number";
}
