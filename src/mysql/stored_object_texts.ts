/** The texts of views and triggers, as the server shows them, and what they leave. */

import type { Connection } from "mysql2";
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
import { namesIn } from "./table_names.ts";

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
}

/** The effects of the views and triggers that names lead to. */
export interface Behind {
  /** Why views may leave something that goes unreported; undefined if they leave nothing. */
  readonly reason: string | undefined;
  /** Why triggers may: they run only where something is written. */
  readonly reasonOfTriggers: string | undefined;
  /** Whether there are triggers, which may leave something that an error does not report. */
  readonly runsTriggers: boolean;
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
  mayWrite: false,
  unknown: [],
};

/** Returns the effects of some names together. */
export function behindAll(all: Iterable<Behind>): Behind {
  let { reason, reasonOfTriggers, runsTriggers, mayWrite } = nothingBehind;
  const unknown: string[] = [];
  for (const each of all) {
    reason ??= each.reason;
    reasonOfTriggers ??= each.reasonOfTriggers;
    runsTriggers ||= each.runsTriggers;
    mayWrite ||= each.mayWrite;
    unknown.push(...each.unknown);
  }
  return { reason, reasonOfTriggers, runsTriggers, mayWrite, unknown };
}

/** A session that asks its server for views and triggers. */
export interface Asking {
  /** Its connection. */
  readonly driver: Connection;
  /** Reads texts as its server does. */
  readonly analyser: Analyser;
  /** Tells whether the server has warned that an answer may not be whole. */
  isWarned(): boolean;
}

/** A quote within a string that looks like two. */
const doubledQuote: RegExp = /^'.*''.*'$|^".*"".*"$/s;
/** The kinds of rows. */
const VIEW = 1;
const TRIGGER = 2;

/** A row of what the server has told. */
export type Row = readonly [
  kind: number,
  name: string,
  title: string,
  text: string | null,
  sqlMode: string | null,
];

/** They override the user's own options, so that rows have the same shape in each session. */
const options = {
  rowsAsArray: true,
  nestTables: false,
  typeCast: true,
  maxResultBytes: Infinity,
} as const;
/** It overrides sql_select_limit. */
const rowsMax = 1_000_000;

/**
 * Asks for the views and triggers behind some names, in whatever database those or other names may
 * mean. It asks by name alone: where it would have to look at other tables, MariaDB waits for
 * those that somebody is changing.
 */
export async function askOfObjects(
  { driver, analyser, isWarned }: Asking,
  names: ReadonlySet<string>,
  schemas: ReadonlySet<string>,
): Promise<readonly StoredObject[]> {
  const listed = Array.from(names, literalOf).join(", ");
  const inSchemas = `IN (DATABASE(), ${Array.from(schemas, literalOf).join(", ")})`;
  const views = `SELECT ${VIEW}, ${bytesOf("table_name")}, ${bytesOf("table_name")}, ` +
    `${bytesOf("view_definition")}, NULL FROM information_schema.views ` +
    `WHERE table_schema ${inSchemas} AND table_name IN (${listed})`;
  const triggers = `SELECT ${TRIGGER}, ${bytesOf("event_object_table")}, ` +
    `${bytesOf("trigger_name")}, ${bytesOf("action_statement")}, ${bytesOf("sql_mode")} ` +
    "FROM information_schema.triggers " +
    `WHERE event_object_schema ${inSchemas} AND event_object_table IN (${listed})`;
  const sql = `(${views}) UNION ALL (${triggers}) LIMIT ${rowsMax}`;
  const rows = await new Promise<unknown>((resolve, reject) => {
    driver.query({ sql, ...options }, (error, rows) => error ? reject(error) : resolve(rows));
  });
  if (isWarned()) throw new LookUpWarning();
  return (rows as readonly (readonly (Uint8Array | number | null)[])[]).map((row) => {
    return objectOf(analyser, row.map(textOf) as unknown as Row);
  });
}

/** Says that the answer to a look-up may not be whole. */
export class LookUpWarning extends Error {
  /** Creates it. */
  constructor() {
    super("The server has warned that its answer is not whole");
  }
}

/** Returns an expression for the bytes of a column, whatever character set the session has. */
function bytesOf(column: string): string {
  return `CAST(CONVERT(${column} USING utf8mb4) AS BINARY)`;
}

function textOf(value: Uint8Array | number | null): string | number | null {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

/** Returns what is behind each name, {@linkcode folded}, that leads to an object. */
export function behindNames(objects: readonly StoredObject[]): ReadonlyMap<string, Behind> {
  const all = new Map<string, Behind>();
  // What uses an object leaves what that leaves.
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (const object of objects) {
      const was = all.get(object.name) ?? nothingBehind;
      const others = object.used.map((other) => all.get(folded(other)) ?? nothingBehind);
      const now = behindAll([was, effectsOf(object), ...others]);
      if (all.has(object.name) && areSame(was, now)) continue;
      all.set(object.name, now);
      isChanged = true;
    }
  }
  return all;
}

function effectsOf({ reason, isTrigger, mayWrite }: StoredObject): Behind {
  const its = isTrigger ? { reasonOfTriggers: reason } : { reason };
  return { ...nothingBehind, ...its, runsTriggers: isTrigger, mayWrite };
}

function areSame(one: Behind, other: Behind): boolean {
  return one.reason === other.reason && one.reasonOfTriggers === other.reasonOfTriggers &&
    one.runsTriggers === other.runsTriggers && one.mayWrite === other.mayWrite;
}

/** Returns a name as servers compare it at most: without case and accents. */
export function folded(name: string): string {
  return name.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
}

/** Returns a literal that means the same in every sql_mode. */
function literalOf(name: string): string {
  const bytes = new TextEncoder().encode(name);
  return `_utf8mb4 x'${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
}

/** Returns what the server has told of a view or a trigger. */
export function objectOf(
  analyser: Analyser,
  [kind, name, title, text, sqlMode]: Row,
): StoredObject {
  const isTrigger = Number(kind) === TRIGGER;
  const mode = isTrigger ? modeOfTrigger(sqlMode ?? "") : MODE_UNKNOWN;
  const reason = text === null || text === ""
    ? "its text may not be seen"
    // There the bare name of a procedure calls it.
    : sqlMode?.includes("ORACLE")
    ? "sql_mode ORACLE"
    : isTrigger
    ? reasonOfTrigger(analyser, text, mode)
    : reasonOfView(analyser, text);
  return {
    name: folded(name),
    isTrigger,
    reason: reason === undefined
      ? undefined
      : `${isTrigger ? "trigger" : "view"} ${title}: ${reason}`,
    mayWrite: !isTrigger && !analyser.analyse(text ?? "", MODE_UNKNOWN).isReadOnly,
    used: namesIn(text ?? "", mode).names,
  };
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
 * Session tracking reports what a trigger does to its session, but for a role, a temporary table
 * that is made of a query, a lock by name, and a variable that gets its value by INTO, `:=` or GET
 * DIAGNOSTICS; and unless it is switched off.
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
  for (let kind = lexer.next(); kind !== END; kind = lexer.next()) {
    const word = body.slice(lexer.start, lexer.end).toLowerCase();
    if (kind === WORD && word === "call") return "call of a procedure";
    if (word.includes("session_track_")) return "session tracking";
    if (kind === WORD && word === "role") return "a role";
    if (kind === WORD && word === "temporary") return "a temporary table";
    if (kind === WORD && word === "diagnostics") fills = true;
    // Behind a dot stands the name of a column.
    const isOfTable = beforeTarget.has(last) && lastButOne !== ".";
    if (kind === WORD && word === "into") fills ||= !isOfTable;
    namesVariable ||= atCount === 1 && word !== "@";
    atCount = word === "@" ? atCount + 1 : 0;
    lastButOne = last;
    last = word;
  }
  return fills && namesVariable ? "a variable" : undefined;
}
