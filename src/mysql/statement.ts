/**
 * What a statement may leave in its session beyond what the server reports, by its text.
 *
 * The server reports neither locks, nor what `:=` and INTO assign, nor SET TRANSACTION, nor
 * roles; and of a procedure only a part. So a statement leaves nothing only if it begins with
 * a word that cannot and contains nothing that can. All that is not known is taken to leave
 * state: an error costs a reset, never a session that is handed on in disorder.
 */

import type { StatementFacts } from "../port.ts";
import { isVersioned, skipOpaque } from "./lexer.ts";

/**
 * What a statement may leave: nothing; state that a reset wipes; or, as a reset keeps the
 * role and the current database, what only a new login undoes.
 */
export type Effect = "none" | "state" | "identity";

/** What a statement may leave, and why. */
export interface Traces {
  /** What. */
  readonly effect: Effect;
  /** Why only a new login undoes it: "database", "role", "call of f" …; else undefined. */
  readonly reason: string | undefined;
}

/** First words of statements that leave nothing by themselves. */
const plain: RegExp = new RegExp(
  String.raw`(?:select|insert|update|delete|replace|with|values|table|show|explain|` +
    String.raw`desc|describe|commit|rollback|savepoint|release\s+savepoint|start\s+transaction|` +
    String.raw`begin(?:\s+work)?\s*(?:;\s*)?$)(?![\w$])`,
  "iy",
);

/** What lets any statement leave something, or hides what it does; wherever it stands. */
const suspicious: RegExp = /get_lock|get_(?:read|write)_locks|:=|into\s*[@/#-]|;\s*\S|\/\*M?!/i;

/** First words of statements whose traces a reset wipes, unless roles are involved. */
const resettable: RegExp = new RegExp(
  String.raw`(?:set|lock|unlock|flush|handler|xa|create|alter|drop|rename|truncate|` +
    String.raw`grant|revoke|analyze|optimize|check|repair|load|do|prepare|deallocate|kill)\b`,
  "iy",
);

/** What asks for what the statement before has left: its id, its count of rows, its warnings. */
const asking: RegExp = new RegExp(
  String.raw`\b(?:last_insert_id|row_count|found_rows)\s*\(|get\s+(?:current\s+)?diagnostics|` +
    String.raw`@@(?:session\.)?(?:last_insert_id|identity|warning_count|error_count)|` +
    String.raw`^\s*show\s+(?:count\s*\(\s*\*\s*\)\s*)?(?:warnings|errors)`,
  "i",
);

const assigning: RegExp = /get_lock|get_(?:read|write)_locks|:=|into\s*@/i;
const roles: RegExp = /\brole\b/i;

/** Tells whether a statement has the server count the rows that its LIMIT leaves out. */
export function countsRows(sql: string): boolean {
  return sql.length > 30 && /sql_calc_found_rows/i.test(sql);
}

/** First words of statements that only read, and of those that write rows and nothing else. */
const reading: RegExp = /(?:select|show|values|table|explain|desc|describe)\b/iy;
const writing: RegExp = /(?:insert|update|delete|replace)\b/iy;

/** First words by which a statement ends an open transaction. */
const ending: RegExp = new RegExp(
  String.raw`(?:(?:alter|create|drop)\s+(?!temporary\b)\w+|truncate|rename|grant|revoke|` +
    String.raw`lock\s+tables|commit|begin|start\s+transaction|` +
    String.raw`rollback(?!\s+(?:work\s+)?to\b))\b`,
  "iy",
);

/** Returns what the text of a statement tells before it is sent. */
export function factsOf(sql: string): StatementFacts {
  const isPlain = effectOf(sql).effect === "none";
  return {
    isReadOnly: isPlain && begins(sql, reading) && !/\binto\b/i.test(sql),
    isSingleWrite: isPlain && begins(sql, writing),
    reads: asking.test(sql) ? "previous" : "nothing",
    endsTransaction: begins(sql, ending) ? /\w+/.exec(sql)?.[0].toUpperCase() : undefined,
    sessionOnly: undefined,
  };
}

/** How many texts are remembered, and up to which length. */
const textsMax = 1000;
const textLengthMax = 4000;
const known: Map<string, Traces> = new Map();

const nothing: Traces = { effect: "none", reason: undefined };
const state: Traces = { effect: "state", reason: undefined };

/** Returns what the statement may leave, or the worst of what several in one text may. */
export function effectOf(sql: string): Traces {
  const found = known.get(sql);
  if (found !== undefined) return found;
  const traces = examine(sql);
  if (sql.length <= textLengthMax) {
    if (known.size >= textsMax) known.clear();
    known.set(sql, traces);
  }
  return traces;
}

function examine(sql: string): Traces {
  if (begins(sql, plain) && !suspicious.test(sql)) return nothing;
  // With NO_BACKSLASH_ESCAPES a string ends elsewhere: then what is code cannot be told.
  if (sql.includes("\\")) return { effect: "identity", reason: "a backslash" };
  let worst = nothing;
  for (const statement of bare(sql).split(";")) {
    if (statement.trim() === "") continue;
    const effect = examineBare(statement);
    if (effect === "identity") return { effect, reason: reasonOf(statement) };
    // A role can be named in the text of a prepared statement, which is a string here.
    if (effect === "state" && roles.test(sql)) return { effect: "identity", reason: "role" };
    if (effect === "state") worst = state;
  }
  return worst;
}

/** Returns why only a new login undoes what a statement leaves. */
function reasonOf(statement: string): string {
  const [, word = "", name] = /([a-z]+)(?:\s+([\w$.`]+))?/i.exec(statement) ?? [];
  if (/^use$/i.test(word)) return "database";
  return /^call$/i.test(word) ? `call of ${name}` : word.toUpperCase();
}

function examineBare(statement: string): Effect {
  if (begins(statement, plain)) return assigning.test(statement) ? "state" : "none";
  return begins(statement, resettable) ? "state" : "identity";
}

/** Tells whether a statement, behind blanks, brackets and comments, begins with certain words. */
function begins(sql: string, words: RegExp): boolean {
  let at = 0;
  for (let end = at; at < sql.length; at = end) {
    const char = sql[at] ?? "";
    if (char <= " " || char === "(") end = at + 1;
    else if (/['"`]/.test(char)) return false;
    else end = skipOpaque(sql, at);
    if (end === at) break;
  }
  words.lastIndex = at;
  return words.test(sql);
}

/** What may begin or end something that is not code. */
const special: RegExp = /['"`#*/-]/g;

/** Returns the text without strings and comments, but with what versioned comments hold. */
function bare(sql: string): string {
  let text = "";
  for (let at = 0; at < sql.length;) {
    special.lastIndex = at;
    const found = special.exec(sql)?.index ?? sql.length;
    text += sql.slice(at, found);
    at = skipOpaque(sql, found);
    if (at > found) text += isQuotedName(sql, found) ? sql.slice(found, at) : " ";
    else if (isVersioned(sql, at)) {
      text += " ";
      at += sql[at + 2] === "M" ? 4 : 3;
      while (/\d/.test(sql[at] ?? "")) at++;
    } else if (sql.startsWith("*/", at)) {
      text += " ";
      at += 2;
    } else text += sql[at++] ?? "";
  }
  return text;
}

function isQuotedName(sql: string, at: number): boolean {
  return sql[at] === "`" || sql[at] === '"';
}
