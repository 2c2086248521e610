/**
 * Whose code sees what the driver's `execute` is called with: tracers replace the method, or
 * subscribe to a channel of the driver. What does not go through `execute` must not escape them.
 */

import { tracingChannel } from "node:diagnostics_channel";
import type { DriverCalls } from "./mysql2_internals.ts";

const channel = tracingChannel("mysql2:execute");

/** Tells whether somebody subscribes to what the driver executes. */
export function isTraced(): boolean {
  // Bun tells it of the single channels only; the driver asks in the same way.
  return channel.hasSubscribers ?? channel.start.hasSubscribers;
}

/**
 * Tells whether a method is the driver's own `execute`, by its source text. What replaces it lacks
 * the driver's messages; what a tracer makes of the text when it is loaded passes `arguments` on.
 */
export function isOwnExecute(execute: DriverCalls["execute"]): boolean {
  const text = Function.prototype.toString.call(execute);
  return text.includes("Bind parameters must not contain undefined") &&
    !/\barguments\b|\bhasSubscribers\b/.test(text);
}
