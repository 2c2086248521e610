/** The texts of views, triggers and columns, as the server shows them, and what they leave. */

import {
  DOUBLE_QUOTED,
  END,
  Lexer,
  MODE_UNKNOWN,
  NO_BACKSLASH_ESCAPES,
  SIGN,
  TEXT,
  WORD,
} from "./lexer.ts";
import { bitsOf } from "./sql_mode.ts";
import type { Analyser } from "./statement.ts";
import { beforeTarget } from "./statement_words.ts";
import { namesIn, noNames } from "./table_names.ts";

/** A view, or a trigger by its table. */
export interface StoredObject {
  /** The name that stands in a statement which runs it, {@linkcode folded}. */
  readonly name: string;
  /** Why it may leave something; undefined if it leaves nothing by itself. */
  readonly reason: string | undefined;
  /** Whether who reads it may write by that. */
  readonly mayWrite: boolean;
  /** Whether it is a trigger. */
  readonly isTrigger: boolean;
  /** The names in its text, which may be those of other views, or of tables with triggers. */
  readonly used: readonly string[];
  /** The databases in which these may be. */
  readonly databases: readonly string[];
  /** Whether it is a trigger whose text may not be seen; only other users have such ones. */
  readonly isUnseen: boolean;
}

/** Tells what the user who asks may not see. */
export interface Hiding {
  /** Tells whether there may be triggers in some databases that he does not see. */
  hidesTriggers(databases: readonly string[]): boolean;
  /** Tells whether there may be views in some databases that he does not see. */
  hidesViews(databases: readonly string[]): boolean;
  /** Whether what he may not see is taken to leave nothing. */
  readonly trusts: boolean;
}

/** The effects of the views and triggers that names lead to. */
export interface Behind {
  /** Why views may leave something that goes unreported; undefined if they leave nothing. */
  readonly reason: string | undefined;
  /** Why triggers may: they run only where something is written. */
  readonly reasonOfTriggers: string | undefined;
  /** Whether there are triggers, which may leave something that an error does not report. */
  readonly runsTriggers: boolean;
  /** Whether they may run what may not be seen; it leaves nothing that a reset does not wipe. */
  readonly hides: boolean;
  /** Whether a write to them may. */
  readonly hidesTriggers: boolean;
  /** Whether a read of them may write. */
  readonly mayWrite: boolean;
  /** The names of which nothing is known. */
  readonly unknown: readonly string[];
}

/** The effects of names that lead to no view and to no trigger. */
export const nothingBehind: Behind = {
  reason: undefined,
  reasonOfTriggers: undefined,
  runsTriggers: false,
  hides: false,
  hidesTriggers: false,
  mayWrite: false,
  unknown: [],
};

/** Returns the effects of some names together. */
export function behindAll(all: Iterable<Behind>): Behind {
  let { reason, reasonOfTriggers, runsTriggers, hides, hidesTriggers, mayWrite } = nothingBehind;
  const unknown: string[] = [];
  for (const each of all) {
    reason ??= each.reason;
    reasonOfTriggers ??= each.reasonOfTriggers;
    runsTriggers ||= each.runsTriggers;
    hides ||= each.hides;
    hidesTriggers ||= each.hidesTriggers;
    mayWrite ||= each.mayWrite;
    unknown.push(...each.unknown);
  }
  return { reason, reasonOfTriggers, runsTriggers, hides, hidesTriggers, mayWrite, unknown };
}

/** A quote within a string that looks like two. */
const doubledQuote: RegExp = /^'.*''.*'$|^".*"".*"$/s;
/** The variables by which the server keeps what is run. */
const keeping: RegExp = /^[`"]?(?:profiling|optimizer_trace)[`"]?$/;
/** With these an assignment begins. */
const assigning: ReadonlySet<string> = new Set(["=", ":", ":="]);
/** Kinds of what is looked up. */
export const VIEW = 1;
export const TRIGGER = 2;
/** A column whose values an expression gives that sets a variable. */
export const COLUMN = 3;
/** A database, which is no object, but whose name others have before them. */
export const DATABASE = 4;

/** What the server has told of an object. */
export interface Row {
  readonly kind: number;
  /** The name that stands in a statement which runs it. */
  readonly name: string;
  readonly title: string;
  readonly text: string | null;
  /** The sql_mode that a trigger was made with. */
  readonly sqlMode: string | null;
  readonly database: string;
}

/** Returns what is behind each name, {@linkcode folded}, that leads to an object. */
export function behindNames(
  objects: readonly StoredObject[],
  hiding: Hiding,
): ReadonlyMap<string, Behind> {
  const all = new Map<string, Behind>();
  // What uses an object leaves what that leaves.
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (const object of objects) {
      const was = all.get(object.name) ?? nothingBehind;
      const others = object.used.map((other) => all.get(folded(other)) ?? nothingBehind);
      const now = behindAll([was, effectsOf(object, hiding), ...others]);
      if (all.has(object.name) && areSame(was, now)) continue;
      all.set(object.name, now);
      isChanged = true;
    }
  }
  return all;
}

function effectsOf(
  { reason, isTrigger, mayWrite, databases, isUnseen }: StoredObject,
  hiding: Hiding,
): Behind {
  const hidesViews = hiding.hidesViews(databases);
  const hidesTriggers = isUnseen && !hiding.trusts || hiding.hidesTriggers(databases);
  const its = { ...nothingBehind, runsTriggers: isTrigger };
  if (isTrigger) return { ...its, reasonOfTriggers: reason, hidesTriggers };
  return { ...its, reason, hides: hidesViews, hidesTriggers, mayWrite: mayWrite || hidesViews };
}

function areSame(one: Behind, other: Behind): boolean {
  return one.reason === other.reason && one.reasonOfTriggers === other.reasonOfTriggers &&
    one.runsTriggers === other.runsTriggers && one.hides === other.hides &&
    one.hidesTriggers === other.hidesTriggers && one.mayWrite === other.mayWrite;
}

/** Returns a name as servers compare it at most: without case and accents. */
export function folded(name: string): string {
  return name.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
}

/** Returns what the server has told of a view, a trigger or a column. */
export function objectOf(analyser: Analyser, row: Row, hiding: Hiding): StoredObject {
  const { kind, name, title, text, sqlMode, database } = row;
  const isTrigger = kind === TRIGGER;
  const mode = isTrigger ? modeOfTrigger(sqlMode ?? "") : MODE_UNKNOWN;
  const { names, databases } = kind === COLUMN ? noNames : namesIn(text ?? "", mode);
  const reason = reasonOf(analyser, row, mode, hiding);
  const what = isTrigger ? "trigger" : kind === VIEW ? "view" : "column";
  return {
    name: folded(name),
    isTrigger,
    reason: reason === undefined ? undefined : `${what} ${title}: ${reason}`,
    mayWrite: kind === VIEW && (!text || !analyser.analyse(text, MODE_UNKNOWN).isReadOnly),
    used: names,
    // The text of a view names the database of each table, that of a trigger may not.
    databases: isTrigger ? [...databases, database] : databases,
    isUnseen: isTrigger && !text,
  };
}

function reasonOf(
  analyser: Analyser,
  { kind, text, sqlMode }: Row,
  mode: number,
  hiding: Hiding,
): string | undefined {
  if (kind === COLUMN) return "a variable";
  const isTrigger = kind === TRIGGER;
  if (!text) return isTrigger || hiding.trusts ? undefined : "its text may not be seen";
  // There the bare name of a procedure calls it.
  if (sqlMode?.includes("ORACLE")) return "sql_mode ORACLE";
  return isTrigger ? reasonOfTrigger(analyser, text, mode) : reasonOfView(analyser, text);
}

function reasonOfView(analyser: Analyser, text: string): string | undefined {
  const { effect, reason } = analyser.analyse(text, MODE_UNKNOWN);
  return effect === "none" ? undefined : reason ?? "a lock";
}

/** Returns the bits of the lexer for the sql_mode that a trigger was made with. */
function modeOfTrigger(sqlMode: string): number {
  const escapes = !sqlMode.includes("NO_BACKSLASH_ESCAPES");
  return bitsOf(sqlMode) | (escapes ? 0 : NO_BACKSLASH_ESCAPES);
}

/**
 * Session tracking reports what a trigger does to its session, except a role, a temporary table
 * that is made of a query, a lock by name, and a variable that gets its value by INTO, `:=` or GET
 * DIAGNOSTICS; MariaDB does not report SET @@name either. A trigger can also switch it off.
 */
function reasonOfTrigger(analyser: Analyser, body: string, mode: number): string | undefined {
  const { isUncertain, versionedCount, statements } = analyser.readBody(body, mode);
  if (isUncertain || versionedCount > 0 || mayLackEscapes(body, mode)) return "unknown text";
  for (const { call, locks, assigns } of statements) {
    if (call !== undefined) return `call of ${call}`;
    if (locks) return "a lock";
    if (assigns) return "a variable";
  }
  return reasonOfWords(body, mode);
}

/**
 * Tells whether the text of a trigger may lack what servers leave out when they show it: MySQL
 * shows `'x''y'` as `'x'y'`, and both show `'x\\'` as `'x\'`. Then code looks like a string.
 */
function mayLackEscapes(body: string, mode: number): boolean {
  if ((mode & NO_BACKSLASH_ESCAPES) === 0 && body.includes("\\")) return true;
  const lexer = new Lexer(body, mode, true);
  let wasString = false;
  let wasSign = true;
  let end = -1;
  for (let kind = lexer.next(); kind !== END; kind = lexer.next()) {
    const isString = kind === TEXT || kind === DOUBLE_QUOTED;
    const isAdjacent = lexer.start === end && (wasString && kind !== SIGN || isString && !wasSign);
    if (isAdjacent) return true;
    if (isString && doubledQuote.test(body.slice(lexer.start, lexer.end))) return true;
    wasString = isString;
    wasSign = kind === SIGN;
    end = lexer.end;
  }
  return false;
}

function reasonOfWords(body: string, mode: number): string | undefined {
  const lexer = new Lexer(body, mode, true);
  let fills = false;
  let namesVariable = false;
  let last = "";
  let lastButOne = "";
  let atCount = 0;
  let beforeAt = "";
  let isSystem = false;
  for (let kind = lexer.next(); kind !== END; kind = lexer.next()) {
    const word = body.slice(lexer.start, lexer.end).toLowerCase();
    if (kind === WORD && word === "call") return "call of a procedure";
    if (word.includes("session_track_")) return "session tracking";
    if (keeping.test(word)) return "a trace";
    if (kind === WORD && word === "role") return "a role";
    if (kind === WORD && word === "temporary") return "a temporary table";
    if (kind === WORD && word === "diagnostics") fills = true;
    // Behind a dot stands the name of a column.
    const isOfTable = beforeTarget.has(last) && lastButOne !== ".";
    if (kind === WORD && word === "into") fills ||= !isOfTable;
    namesVariable ||= atCount === 1 && word !== "@";
    if (isSystem && assigning.has(word)) return "a variable";
    isSystem = isSystem && (word === "." || last === ".") || atCount === 2 && word !== "@" &&
        (beforeAt === "set" || beforeAt === ",");
    if (word === "@" && atCount === 0) beforeAt = last;
    atCount = word === "@" ? atCount + 1 : 0;
    lastButOne = last;
    last = word;
  }
  return fills && namesVariable ? "a variable" : undefined;
}
