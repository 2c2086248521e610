/**
 * The errors of requests that got no lease: they name the server that could not be reached, or the
 * leases that were in the way.
 */

import type { RefuseReason } from "../core/mod.ts";
import type { Instant } from "../port/session.ts";
import { type ErrorCode, SubletError, withoutStack } from "./errors.ts";
import { callerIn } from "./own_frames.ts";
import { grantedAtOf, type LeaseRequest, type Lessor } from "./lease_request.ts";

/** How many leases an error describes. */
const describedMax = 3;

const CODES: Readonly<Record<RefuseReason, ErrorCode>> = {
  connectFailed: "CONNECT_FAILED",
  deadlock: "LEASE_DEADLOCK",
  draining: "POOL_DRAINING",
  queueFull: "QUEUE_FULL",
};

/** Returns the error of a refused request. */
export function refusalOf(interpreter: Lessor, request: LeaseRequest): SubletError {
  const { reason = "draining", cause } = request.refusal ?? {};
  const isUnsupported = Object(cause).code === "DRIVER_UNSUPPORTED";
  const code = isUnsupported ? "DRIVER_UNSUPPORTED" : CODES[reason];
  const stage = reason === "connectFailed" ? "connect" : "lease";
  const message = refusalMessage(interpreter, request, reason);
  const details = { stats: interpreter.stats(), ...(cause === undefined ? {} : { cause }) };
  return withoutStack(() => new SubletError(code, stage, message, details));
}

function refusalMessage(
  interpreter: Lessor,
  { virtual, entry }: LeaseRequest,
  reason: RefuseReason,
): string {
  const name = JSON.stringify(interpreter.nameOf(virtual));
  switch (reason) {
    case "connectFailed": {
      const place = interpreter.connections.describe(entry.target);
      return `Cannot connect to ${place}${name === '"main"' ? "" : `, for ${name}`}`;
    }
    case "deadlock": {
      const own = interpreter.limitOf(virtual);
      const limit = own === Infinity ? "" : `, whose limit is ${own}`;
      return `Cannot lease another actual connection for ${name}${limit}: each holder waits ` +
        `for another (held by ${holdersOf(interpreter)}). Take no second connection while ` +
        `holding one, or raise ${own === Infinity ? "connectionLimit" : "its limit"}`;
    }
    case "draining":
      return `Cannot lease an actual connection for ${name}, as the pool is ending`;
    case "queueFull":
      return `Cannot wait for an actual connection for ${name}, as the queue is full (queueLimit)`;
  }
}

/** Returns the error of a wait that timed out; `beside` says what else was in the way. */
export function leaseTimeout(
  interpreter: Lessor,
  { virtual }: LeaseRequest,
  since: Instant,
  beside?: string,
): SubletError {
  const { connections, clock } = interpreter;
  const waitMs = Math.round(clock.now() - since);
  const name = JSON.stringify(interpreter.nameOf(virtual));
  const message = `No actual connection was free for ${name} within ${waitMs} ms` +
    (beside === undefined ? "" : `; ${beside}`);
  const notes: string[] = [];
  if (connections.holders.length > 0) notes.push(`held by ${holdersOf(interpreter)}`);
  const { oldestOpening } = connections;
  if (oldestOpening !== undefined) {
    const ms = Math.round(clock.now() - oldestOpening.since);
    const place = connections.describe(oldestOpening.target);
    notes.push(`the oldest connect, to ${place}, has been under way for ${ms} ms`);
  }
  const { lastFailure } = connections;
  const cause = lastFailure === undefined ? {} : { cause: lastFailure };
  const details = { stats: interpreter.stats(), notes, ...cause };
  return withoutStack(() => new SubletError("LEASE_TIMEOUT", "lease", message, details));
}

/** Describes the leases in use that are held longest, and where they were taken. */
function holdersOf(interpreter: Lessor): string {
  const now = interpreter.clock.now();
  const { holders } = interpreter.connections;
  const described = holders.slice(0, describedMax).map((holder) => {
    const stack = holder.stack();
    const ms = Math.round(now - grantedAtOf(holder));
    const name = JSON.stringify(interpreter.nameOf(holder.virtual));
    return `${name} for ${ms} ms${stack === undefined ? "" : `, taken ${callerIn(stack)}`}`;
  });
  if (holders.length > describedMax) described.push(`${holders.length - describedMax} more`);
  const isTraced = holders.some((holder) => holder.stack() !== undefined);
  const advice = isTraced ? "" : "; set leakDetectionTimeout to see where they were taken";
  return described.join(", ") + advice;
}
