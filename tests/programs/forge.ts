/** Makes histories and views by hand, to test whether the judge finds their errors. */

import type { Deed, History, ReceivedCommand, View, WrittenRow } from "./history.ts";
import { type Breach, judge, type Rule } from "./judge.ts";
import type { Program, ProgramStep, StatementStep } from "./program.ts";

/** The fields that a forged deed sets; the others have defaults. */
export type Forged =
  & Pick<Deed, "kind" | "step">
  & Partial<Omit<Deed, "id" | "asked" | "kind" | "step">>
  & { readonly asked?: number };

/** A write through the first virtual connection. */
export const write: StatementStep = { kind: "statement", on: 0, what: "write" };
/** A read through the first virtual connection. */
export const read: StatementStep = { kind: "statement", on: 0, what: "read" };
/** A transaction on the first virtual connection. */
export const transaction: ProgramStep = { kind: "transaction", on: 0, body: [write] };
/** A unit that may be repeated. */
export const unit: ProgramStep = { kind: "unit", retries: 1, body: [write] };

/** The two databases. */
export const databases: readonly string[] = ["one", "two"];

/** The look at a session with no changed state. */
export const fresh = {
  connection: 7,
  current: "one",
  owner: null,
  flag: "none",
  isolation: "REPEATABLE-READ",
};

/** Returns a history of deeds asked for in turn, each fulfilled unless it says otherwise. */
export function historyOf(...deeds: readonly Forged[]): History {
  return deeds.map((deed, id): Deed => ({
    id,
    parent: undefined,
    on: 0,
    isBeside: false,
    isThrough: false,
    isImplicit: false,
    asked: id + 1,
    settled: 100 + id,
    outcome: "fulfilled",
    ...deed,
  }));
}

/** Returns the queries that one connection received. */
export function received(thread: number, ...texts: readonly string[]): ReceivedCommand[] {
  return texts.map((text) => ({ thread, command: "Query", text }));
}

/** Returns the text of a deed's write. */
export function sent(deed: number): string {
  return `INSERT INTO log VALUES ('p1:d${deed}')`;
}

/** Returns the row that a deed wrote. */
export function row(deed: number): WrittenRow {
  return { deed, connection: 7, current: "one", home: "one" };
}

/** Returns the view of a server where nothing is left, with some fields replaced. */
export function viewOf(view: Partial<View>): View {
  const nothing = { rows: [], commands: [], databases, isolation: fresh.isolation };
  return { ...nothing, peak: 1, left: { leased: 0 }, ...view };
}

/** Judges a forged history and view. */
export function judged(
  history: History,
  view: Partial<View>,
  program: Partial<Program> = {},
): readonly Breach[] {
  const body = history.filter(({ parent }) => parent === undefined).map(({ step }) => step);
  const whole = { limit: 2, virtuals: [{ database: 0 }, { database: 1 }] as const, body };
  return judge({ ...whole, ...program }, history, viewOf(view));
}

/** Returns the rules that a forged history and view break. */
export function rulesOf(...forged: Parameters<typeof judged>): Rule[] {
  return [...new Set(judged(...forged).map(({ rule }) => rule))].sort();
}
