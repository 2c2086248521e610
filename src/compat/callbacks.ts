/**
 * Code of the user that the driver calls: callbacks and listeners.
 *
 * The driver calls them in the async context of whoever opened the socket, and takes an error
 * that they throw for one of the connection. Here they run in the context of whoever gave them,
 * and what they throw is an uncaught exception of its own.
 */

import { AsyncResource } from "node:async_hooks";
import type { Command } from "./internals.ts";

/** Returns a function that calls `fn` in the context of now, and throws nothing. */
export function contained<Args extends unknown[]>(
  fn: (...args: Args) => unknown,
): (...args: Args) => void {
  // On Node far cheaper than a snapshot of AsyncLocalStorage, elsewhere the same.
  const context = new AsyncResource("SubletCallback");
  return function (this: unknown, ...args: Args): void {
    try {
      context.runInAsyncScope(fn, this, ...args);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}

/** Returns a function that calls `fn` the first time that it is called, and then no more. */
export function once<Args extends unknown[]>(
  fn: (...args: Args) => unknown,
): (...args: Args) => void {
  let isCalled = false;
  return function (this: unknown, ...args: Args): void {
    if (isCalled) return;
    isCalled = true;
    fn.apply(this, args);
  };
}

/** Has the callback of a command, or its listeners, run in the context of now, and contained. */
export function containCommand(command: Command): void {
  if (command.onResult !== undefined) {
    command.onResult = contained(command.onResult);
    return;
  }
  const emit = command.emit.bind(command);
  const tell = contained(emit);
  command.emit = (name, ...args) => {
    // One that nobody listens to is the end of the connection, as the driver has it.
    if (name === "error" && command.listenerCount(name) === 0) return emit(name, ...args);
    tell(name, ...args);
    return command.listenerCount(name) > 0;
  };
}
