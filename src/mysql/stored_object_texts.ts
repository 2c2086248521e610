/** Reads the texts of views, triggers and columns, as the server shows them, for what they do. */

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

/** A view; or a trigger or a column, under the name of its table. */
export interface StoredObject {
  /** The name that a statement which runs it contains, {@linkcode folded}. */
  readonly name: string;
  /** Why it may leave something; undefined if it leaves nothing by itself. */
  readonly reason: string | undefined;
  /** Whether a read of it may write. */
  readonly mayWrite: boolean;
  /** Whether it is a trigger. */
  readonly isTrigger: boolean;
  /** The names in its text, which may name other views, or tables with triggers. */
  readonly used: readonly string[];
  /** The databases in which those names may be. */
  readonly databases: readonly string[];
  /** Whether it is a trigger, always of another user, whose text the server hides. */
  readonly isUnseen: boolean;
}

/** What the user of the asking session may not see. */
export interface Hiding {
  /** Returns whether the given databases may have triggers that he does not see. */
  hidesTriggers(databases: readonly string[]): boolean;
  /** Returns whether the given databases may have views that he does not see. */
  hidesViews(databases: readonly string[]): boolean;
  /** Whether triggers and views that he may not see count as leaving nothing. */
  readonly trusts: boolean;
}

/** The effects of the views and triggers that names lead to. */
export interface Behind {
  /** Why views may leave something that the server does not report; undefined if nothing. */
  readonly reason: string | undefined;
  /** Why triggers may leave such a thing; they run only if a statement writes. */
  readonly reasonOfTriggers: string | undefined;
  /** Whether there are triggers, which may leave something that an error does not report. */
  readonly runsTriggers: boolean;
  /** Whether they may run objects that the user may not see; a reset wipes what those leave. */
  readonly hides: boolean;
  /** Whether a write to them may run such objects. */
  readonly hidesTriggers: boolean;
  /** Whether a read of them may write. */
  readonly mayWrite: boolean;
  /** The names that the pool knows nothing about. */
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

/** Returns the combined effects of several names. */
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

/** A string that contains two quotes side by side. */
const doubledQuote: RegExp = /^'.*''.*'$|^".*"".*"$/s;
/** The variables by which the server records the statements that it runs. */
const keeping: RegExp = /^[`"]?(?:profiling|optimizer_trace)[`"]?$/;
/** Signs that begin an assignment. */
const assigning: ReadonlySet<string> = new Set(["=", ":", ":="]);
/** Kinds of rows of a look-up. */
export const VIEW = 1;
export const TRIGGER = 2;
/** A column whose expression sets a variable. */
export const COLUMN = 3;
/** A database, which is no object, but whose name may precede an object's. */
export const DATABASE = 4;

/** What the server shows of an object. */
export interface Row {
  readonly kind: number;
  /** The name that a statement which runs it contains. */
  readonly name: string;
  readonly title: string;
  readonly text: string | null;
  /** The sql_mode that a trigger was created with. */
  readonly sqlMode: string | null;
  readonly database: string;
}

/** Returns the effects of each name, {@linkcode folded}, that leads to an object. */
export function behindNames(
  objects: readonly StoredObject[],
  hiding: Hiding,
): ReadonlyMap<string, Behind> {
  const all = new Map<string, Behind>();
  // An object also has the effects of the objects that it uses.
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

/** Returns a name without case and accents: no server ignores more when it compares names. */
export function folded(name: string): string {
  return name.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
}

/** Returns a view, a trigger or a column, as the server shows it. */
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
    // The text of a view names the database of each table; the text of a trigger may not.
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
  // In this mode the bare name of a procedure calls the procedure.
  if (sqlMode?.includes("ORACLE")) return "sql_mode ORACLE";
  return isTrigger ? reasonOfTrigger(analyser, text, mode) : reasonOfView(analyser, text);
}

function reasonOfView(analyser: Analyser, text: string): string | undefined {
  const { effect, reason } = analyser.analyse(text, MODE_UNKNOWN);
  return effect === "none" ? undefined : reason ?? "a lock";
}

/** Returns the lexer's bits for the sql_mode that a trigger was created with. */
function modeOfTrigger(sqlMode: string): number {
  const escapes = !sqlMode.includes("NO_BACKSLASH_ESCAPES");
  return bitsOf(sqlMode) | (escapes ? 0 : NO_BACKSLASH_ESCAPES);
}

/**
 * Session tracking reports what a trigger does to its session, except a role, a temporary table
 * created from a query, a lock by name, and a variable set by INTO, `:=` or GET DIAGNOSTICS;
 * MariaDB does not report SET @@name either. A trigger can also switch session tracking off.
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
 * Returns whether the text of a trigger may lack escapes that servers drop when they show it: MySQL
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
    // A word behind a dot is the name of a column.
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
