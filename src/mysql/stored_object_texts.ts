/** The texts of views and triggers, as the server shows them, and what they leave. */

import type { Connection } from "mysql2";
import { END, Lexer, MODE_UNKNOWN, NO_BACKSLASH_ESCAPES, WORD } from "./lexer.ts";
import { bitsOf } from "./sql_mode.ts";
import type { Analyser } from "./statement.ts";
import { beforeTarget } from "./statement_words.ts";
import { namesIn } from "./table_names.ts";

/** A view, or a trigger by its table. */
export interface StoredObject {
  /** The name that stands in a statement which runs it, in lower case. */
  readonly name: string;
  /** Why it may leave something; undefined if it leaves nothing by itself. */
  readonly reason: string | undefined;
  /** The names in its text, which may be those of other views, or of tables with triggers. */
  readonly used: readonly string[];
}

/** What the server has told. */
export interface ObjectAnswer {
  /** Whether it has any views or triggers that did not come with it. */
  readonly areThere: boolean;
  /** Those behind the names that it was asked for. */
  readonly objects: readonly StoredObject[];
}

/** What the rows tell of. */
const VIEW = 1;
const TRIGGER = 2;
const ANY = 3;

/** A row of what the server has told. */
export type Row = readonly [
  kind: number,
  name: string,
  title: string,
  text: string | null,
  sqlMode: string | null,
];

/** Asks for the views and triggers behind some names, in whatever database those may mean. */
export async function askOfObjects(
  driver: Connection,
  analyser: Analyser,
  names: ReadonlySet<string>,
): Promise<ObjectAnswer> {
  const list = Array.from(names, literalOf).join(", ");
  const isNamed = (schema: string, name: string): string =>
    `${schema} IN (DATABASE(), ${list}) AND ${name} IN (${list})`;
  const isOwn = (schema: string): string =>
    `${schema} NOT IN ('mysql', 'sys') OR ${schema} = DATABASE()`;
  const sql = [
    `SELECT ${VIEW}, table_name, table_name, view_definition, NULL FROM information_schema.views ` +
    `WHERE ${isNamed("table_schema", "table_name")}`,
    `SELECT ${TRIGGER}, event_object_table, trigger_name, action_statement, sql_mode ` +
    `FROM information_schema.triggers WHERE ${
      isNamed("event_object_schema", "event_object_table")
    }`,
    `SELECT ${ANY}, NULL, NULL, NULL, NULL FROM DUAL ` +
    `WHERE EXISTS(SELECT 1 FROM information_schema.triggers WHERE ${isOwn("trigger_schema")}) ` +
    `OR EXISTS(SELECT 1 FROM information_schema.views WHERE ${isOwn("table_schema")})`,
  ].map((part) => `(${part})`).join(" UNION ALL ");
  const rows = await new Promise<unknown>((resolve, reject) => {
    driver.query(
      { sql, rowsAsArray: true },
      (error, rows) => error ? reject(error) : resolve(rows),
    );
  });
  const all = rows as readonly Row[];
  return {
    areThere: all.some(([kind]) => Number(kind) === ANY),
    objects: all.filter(([kind]) => Number(kind) !== ANY).map((row) => objectOf(analyser, row)),
  };
}

/** Returns the names that leave something, in lower case, each with the first reason. */
export function reasonsOf(objects: readonly StoredObject[]): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  // What uses one that leaves something leaves that too.
  for (let size = -1; size < reasons.size;) {
    size = reasons.size;
    for (const { name, reason, used } of objects) {
      if (reasons.has(name)) continue;
      const found = reason ?? used.map((other) => reasons.get(other.toLowerCase()))
        .find((reason) => reason !== undefined);
      if (found !== undefined) reasons.set(name, found);
    }
  }
  return reasons;
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
    name: name.toLowerCase(),
    reason: reason === undefined
      ? undefined
      : `${isTrigger ? "trigger" : "view"} ${title}: ${reason}`,
    used: namesIn(text ?? "", mode),
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
 * Session tracking reports what a trigger does to its session, but for a lock by name, and for a
 * variable that gets its value by INTO or `:=`.
 */
function reasonOfTrigger(analyser: Analyser, body: string, mode: number): string | undefined {
  const { isUncertain, versionedCount, statements } = analyser.readBody(body, mode);
  if (isUncertain || versionedCount > 0) return "unknown text";
  for (const { call, locks, assigns } of statements) {
    if (call !== undefined) return `call of ${call}`;
    if (locks) return "a lock";
    if (assigns) return "a variable";
  }
  return reasonOfWords(body, mode);
}

function reasonOfWords(body: string, mode: number): string | undefined {
  const lexer = new Lexer(body, mode, true);
  let hasInto = false;
  let namesVariable = false;
  let last = "";
  let atCount = 0;
  for (let kind = lexer.next(); kind !== END; kind = lexer.next()) {
    const word = body.slice(lexer.start, lexer.end).toLowerCase();
    if (kind === WORD && word === "call") return "call of a procedure";
    if (kind === WORD && word === "into") hasInto ||= !beforeTarget.has(last);
    namesVariable ||= atCount === 1 && word !== "@";
    atCount = word === "@" ? atCount + 1 : 0;
    last = word;
  }
  return hasInto && namesVariable ? "a variable" : undefined;
}
