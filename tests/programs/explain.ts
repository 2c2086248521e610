/** Tells whether a program explains the error that a deed was rejected with. */

import type { Deed } from "./history.ts";
import type { Model } from "./model.ts";
import { type Program, risksOf } from "./program.ts";

/** Codes of errors that report the end of a connection. */
const losses: ReadonlySet<string> = new Set([
  "CONNECTION_LOST",
  "COMMIT_UNKNOWN",
  "TRANSACTION_LOST",
  "PROTOCOL_CONNECTION_LOST",
  "ECONNRESET",
  "EPIPE",
  "ER_CONNECTION_KILLED",
  "ER_SERVER_SHUTDOWN",
  "ER_QUERY_INTERRUPTED",
  "ER_NEW_ABORTING_CONNECTION",
  "ER_ABORTING_CONNECTION",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** Tells whether a deed was not rejected, or the program explains its rejection. */
export function explains(program: Program, model: Model, deed: Deed): boolean {
  const { outcome, rejection } = deed;
  if (outcome !== "rejected" || rejection === undefined) return true;
  const { kills, aborts, timeouts, deadlocks, wrongs, crowds } = risksOf(program);
  const { code } = rejection;
  switch (code) {
    case "THROWN":
      return true;
    case "ABORTED":
      return aborts;
    case "STATEMENT_TIMEOUT":
      return timeouts;
    case "ER_NO_SUCH_TABLE":
      return wrongs;
    case "ER_LOCK_DEADLOCK":
      return deadlocks;
    case "LEASE_TIMEOUT":
      return crowds || timeouts;
    case "CONNECT_FAILED":
      return kills;
    case "LEASE_DEADLOCK":
      return crowds || hasTwoBeside(model);
    case "UNIT_ENDED":
    case "LEASE_ENDED":
      return hasEndAround(model, deed);
    case "POOL_DRAINING":
      // With lifespan "unit", the pool ends connections with the outermost unit and refuses work.
      return program.lifespan === "unit" && hasEndAround(model, deed);
    case "TRANSACTION_LOST":
      return kills || aborts || timeouts || deadlocks;
    case "ECONNABORTED":
      // A stream that code leaves unread ends with its lease.
      return deed.kind === "stream" && hasEndAround(model, deed) || kills || aborts || timeouts;
    default:
      return losses.has(code) && (kills || aborts || timeouts);
  }
}

/** Tells whether transactions of one unit on two virtual connections overlap, and may deadlock. */
function hasTwoBeside(model: Model): boolean {
  const transactions = model.history.filter(({ kind }) => kind === "transaction");
  return transactions.some((one) =>
    transactions.some((other) =>
      one.on !== other.on && model.unitOf(one) === model.unitOf(other) &&
      one.asked < (other.settled ?? Infinity) && other.asked < (one.settled ?? Infinity)
    )
  );
}

/** Tells whether a deed around or inside a deed had ended, returned or failed at its rejection. */
function hasEndAround(model: Model, deed: Deed): boolean {
  if (deed.hasThrown) return true;
  // The error of a body may come from any deed in it.
  const within = model.history.filter((other) => [...model.around(other)].includes(deed));
  return [...model.around(deed), ...within].some((
    { outcome, hasThrown, settled = Infinity, returned = settled, kind },
  ) =>
    kind !== "statement" && kind !== "state" && kind !== "stream" &&
    (hasThrown || outcome === "rejected" ||
      Math.min(settled, returned) < (deed.settled ?? Infinity))
  );
}
