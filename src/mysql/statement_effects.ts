/**
 * The state that statements leave in their session beyond what the server reports.
 *
 * The server reports no locks, no assignments by `:=` and INTO, no SET TRANSACTION, no roles, and
 * only a part of what a procedure or a function does. So the text must prove that a statement
 * leaves nothing: by its first word, and by each call in it.
 */

import type { ReadStatement, ReadText } from "./read_statement.ts";

/**
 * What a statement leaves. "none": certainly nothing. "renewed": nothing that the pool knows of; a
 * new login renews the session when it is released, but until then the unit may move to another
 * session. "state": state that a reset wipes. "identity": state that only a new login wipes, as a
 * reset keeps the role and the current database.
 */
export type Effect = "none" | "renewed" | "state" | "identity";

/** What statements leave, and why that takes a new login, if it does. */
export interface Trace {
  /** The kind of state that they leave. */
  readonly effect: Effect;
  /** Why only a new login wipes it, in a few words: "call of f", "USE". */
  readonly reason: string | undefined;
}

const nothing: Trace = { effect: "none", reason: undefined };
const state: Trace = { effect: "state", reason: undefined };
/** The trace of a text that can be read in more than one way. */
const unknown: Trace = { effect: "renewed", reason: "unknown text" };

/** First words of statements that leave nothing by themselves. */
const plain: RegExp = new RegExp(
  "^(?:(?:select|insert|update|delete|replace|with|values|table|show|explain|desc|describe|do|" +
    "commit|rollback|savepoint|release savepoint|start transaction|signal)(?: |$)|" +
    "begin(?: work)?$)",
);

/** First words of statements whose traces a reset wipes. */
const resettable: RegExp = new RegExp(
  "^(?:set(?! role(?: |$))|lock|unlock|flush|handler|xa|create|alter|drop|rename|truncate|" +
    "get|grant|revoke|analyze|optimize|check|repair|load|prepare|deallocate|kill)(?: |$)",
);

/** How long a reason may be. */
const reasonMax = 80;

/** Returns what the statements of a text leave together. */
export function traceOf({ statements, isUncertain }: ReadText): Trace {
  let trace = isUncertain ? unknown : nothing;
  for (const statement of statements) trace = both(trace, traceOfOne(statement));
  return trace;
}

/** Returns the trace that covers two traces. */
export function both(one: Trace, other: Trace): Trace {
  if (one.effect === "none") return other;
  if (other.effect === "none") return one;
  const effect = one.effect === other.effect ? one.effect : "identity";
  return { effect, reason: one.reason ?? other.reason };
}

function traceOfOne(statement: ReadStatement): Trace {
  const head = statement.head.join(" ");
  let trace = nothing;
  if (statement.hasBody) trace = login(head, "identity");
  else if (!plain.test(head)) trace = resettable.test(head) ? state : login(head, "identity");
  else if (statement.assigns || statement.locks) trace = state;
  if (statement.changesReading) trace = login(head, "identity");
  return statement.call === undefined
    ? trace
    : both(trace, login(`call of ${statement.call}`, "renewed"));
}

function login(words: string, effect: Effect): Trace {
  if (words.startsWith("call of ")) return { effect, reason: words.slice(0, reasonMax) };
  const [first = "", second = "", ...rest] = words.split(" ");
  if (first === "call") {
    const name = rest[0] === "." ? `${second}.${rest[1]}` : second;
    return { effect, reason: `call of ${name}`.slice(0, reasonMax) };
  }
  const isPair = /^(?:set|begin|create|alter|execute)$/.test(first) && /^\w+$/.test(second);
  return {
    effect,
    reason: (isPair ? `${first} ${second}` : first).toUpperCase().slice(0, reasonMax),
  };
}
