/**
 * The commands of the driver that a connection has under way: the one that runs, and those that
 * wait behind it. Some have a callback; the driver tells of the others by events, and forgets to
 * do so when the connection is lost.
 */

import type { Readable } from "node:stream";
import type { DriverCommand, DriverInternals, LiveCommand } from "./mysql2_internals.ts";

/** A command whose rows can be read as a stream. */
interface StreamingCommand extends LiveCommand {
  stream(options?: object): Readable;
}

/** The streams that were made of each command. */
const streams: WeakMap<LiveCommand, Readable[]> = new WeakMap();

/** Tells whether a connection has something under way. */
export function isBusy({ _command, _commands }: DriverInternals): boolean {
  return Boolean(_command) || _commands.length > 0;
}

/** Returns what runs, and what waits behind it, in order. */
export function commandsOf({ _command, _commands }: DriverInternals): LiveCommand[] {
  const waiting = Array.from({ length: _commands.length }, (_, i) => _commands.get(i));
  return [_command, ...waiting].filter((command) => command != null);
}

/** Takes out what waits behind the command that runs, so that it never runs. */
export function dropWaiting({ _commands }: DriverInternals): void {
  while (_commands.shift() !== undefined);
}

/** Notes the streams that will be made of a command, so that nobody has to listen to each. */
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
 * Tells a command, soon, that it failed: by its callback, or by events. A command that ends before
 * that was told by something else. `unheard` is called if nobody listens; who reads rows then hears
 * nothing, as an end without an error would say that these were all rows.
 */
export function fail(
  command: LiveCommand,
  error: unknown,
  unheard: (error: unknown) => void = ignore,
): void {
  let isOver = false;
  command.prependOnceListener("end", () => isOver = true);
  // What else of the driver tells it does not look whether somebody listens.
  command.on("error", ignore);
  // The time that its caller gave the driver would run on, and end it once more.
  clearTimeout(command.queryTimeout ?? undefined);
  command.queryTimeout = null;
  const { onResult } = command;
  const emit = command.emit.bind(command);
  queueMicrotask(() => {
    command.off("error", ignore);
    if (isOver) return;
    if (onResult !== undefined) onResult.call(command, error);
    else if (command.listenerCount("error") > 0) {
      // The driver destroys them with it; without a listener that would end the process.
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
 * Has a command that runs go on for the driver alone, so that the driver reads the answer to its
 * end, and tells nobody of it; returns a promise of that end.
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

/** Tells whether a command asks for a ping, a reset or a login, or closes what was prepared. */
export function isOfNoStatement(command: DriverCommand): boolean {
  const { pingResponse, resetConnectionResponse, handshakeResult, prepareHeader, id } = command;
  return pingResponse !== undefined || resetConnectionResponse !== undefined ||
    handshakeResult !== undefined || prepareHeader === undefined && typeof id === "number";
}
