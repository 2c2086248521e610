/** What the statements of a text do, as far as the text alone proves it. */

import type { StatementFacts } from "../port/session.ts";
import type { ReadStatement, ReadText } from "./read_statement.ts";
import { defining } from "./statement_words.ts";

/** The facts of a text that can be read in more than one way. */
export const unknownFacts: StatementFacts = {
  isReadOnly: false,
  isSingleWrite: false,
  reads: "nothing",
  endsTransaction: undefined,
  sessionOnly: undefined,
};

/** First words of statements that only read, or only change their session or transaction. */
const reading: RegExp = new RegExp(
  "^(?:(?:select|values|table|show|do|use|commit|rollback|savepoint|release savepoint|" +
    "start transaction|set(?! (?:password|default role|resource group|statement)(?: |$)))(?: |$)|" +
    "(?:explain|desc|describe)(?! analyze)(?: |$)|" +
    String.raw`(?:explain|desc|describe) analyze (?:format = \w+ )?(?:\( )*(?:select|table)|` +
    "begin(?: work)?$)",
);

const writing: ReadonlySet<string> = new Set(["insert", "update", "delete", "replace"]);

/** Statements after which an id that LAST_INSERT_ID() returns counts as the same text's. */
const givesId: ReadonlySet<string> = new Set(["insert", "replace", "call", "load", "execute"]);

const asksPrevious: RegExp =
  /^(?:show (?:count \( \* \) )?(?:warnings|errors)|get (?:current )?diagnostics)(?: |$)/;

/** Statements that end a transaction; each group captures the words that name them. */
const endings: RegExp = new RegExp(
  String
    .raw`^(?:(truncate|grant|revoke|optimize|repair|flush|install|uninstall|commit|backup|clone)|` +
    "(rollback)(?! (?:work )?to(?: |$))|(begin)(?: work)?$|(start transaction)|" +
    "((?:start|stop) (?:slave|replica|all)|change (?:master|replication))|" +
    "(rename (?:table|tables|user)|cache index|load index|import table|lock tables?)|" +
    "((?:analyze|check) (?:(?:local|no_write_to_binlog) )?(?:table|tables|view))|" +
    "(reset)(?! persist(?: |$))|(set password|set default role)|(xa (?:commit|rollback)))(?: |$)",
);

const temporary: RegExp = /^(?:create|drop) (?:or replace )?temporary /;

/** Statements that only change their session. */
const sessionOnly: readonly (readonly [words: RegExp, name: string])[] = [
  [/^start transaction(?: |$)/, "START TRANSACTION"],
  [/^begin(?: work)?$/, "BEGIN"],
  [/^savepoint /, "SAVEPOINT"],
  [/^use /, "USE"],
  [/^prepare /, "PREPARE"],
  [/^xa (?:start|begin) /, "XA START"],
  [/^lock tables? /, "LOCK TABLES"],
  [/^lock instance /, "LOCK INSTANCE"],
  [/^backup lock /, "BACKUP LOCK"],
  [/^backup stage (?!end$)/, "BACKUP STAGE"],
  [/^set names /, "SET NAMES"],
  [/^set (?:character set|charset) /, "SET CHARACTER SET"],
  [/^set (?:(?:session|local) )?transaction /, "SET TRANSACTION"],
  [/^set role /, "SET ROLE"],
  [/^set (?!password|default role|resource group .* for )/, "SET"],
];

/** Returns the facts that a text proves. */
export function factsOfText({ statements, isUncertain }: ReadText): StatementFacts {
  const [first] = statements;
  if (isUncertain || first === undefined) return unknownFacts;
  const isOne = statements.length === 1;
  if (!isOne && statements.some(({ changesReading }) => changesReading)) return unknownFacts;
  return {
    isReadOnly: statements.every(isReadOnly),
    isSingleWrite: isOne && writing.has(first.verb),
    reads: readsOf(statements),
    endsTransaction: statements.map(endingOf).find((words) => words !== undefined),
    sessionOnly: sessionOnlyOfAll(statements.map(sessionOnlyOf)),
  };
}

/**
 * Returns whether a statement may set an id that its answer does not show. A procedure counts as
 * setting an id, as nothing shows what it does.
 */
export function setsIdUntold(statement: ReadStatement): boolean {
  const { verb, usesSequence, setsId, isLimited, returns, isIgnoring, isUpsert } = statement;
  if (usesSequence || verb === "call" || verb === "execute") return true;
  if (!writing.has(verb)) return setsId && !isLimited;
  if (!returns || verb === "update" || verb === "delete") return false;
  return !isIgnoring && (!isUpsert || setsId);
}

/** Returns the facts that remain if the driver puts more than data into a text. */
export function weakFacts({ reads, endsTransaction }: StatementFacts): StatementFacts {
  return { ...unknownFacts, reads, endsTransaction };
}

/** Returns the facts of a text that the server reads in one of two ways. */
export function commonFacts(one: StatementFacts, other: StatementFacts): StatementFacts {
  return {
    isReadOnly: one.isReadOnly && other.isReadOnly,
    isSingleWrite: one.isSingleWrite && other.isSingleWrite,
    reads: one.reads === "nothing" ? other.reads : one.reads,
    endsTransaction: one.endsTransaction === other.endsTransaction
      ? one.endsTransaction
      : undefined,
    sessionOnly: one.sessionOnly === other.sessionOnly ? one.sessionOnly : undefined,
  };
}

function isReadOnly(statement: ReadStatement): boolean {
  const { head, verb, callsStored, locks, unlocks, usesSequence, intoFile, isGlobal } = statement;
  if (callsStored || locks || unlocks || usesSequence || intoFile || isGlobal) return false;
  return reading.test(head[0] === "with" ? verb : head.join(" "));
}

/** Returns what a text reads of earlier texts; what it reads of itself does not count. */
function readsOf(statements: readonly ReadStatement[]): StatementFacts["reads"] {
  let reads: StatementFacts["reads"] = "nothing";
  let hasId = false;
  for (const [at, statement] of statements.entries()) {
    const { head, verb, readsId, readsPrevious, setsId } = statement;
    if (readsId && !hasId) return "id";
    if (at === 0 && (readsPrevious || asksPrevious.test(head.join(" ")))) reads = "previous";
    hasId ||= setsId || givesId.has(verb);
  }
  return reads;
}

function endingOf(statement: ReadStatement): string | undefined {
  const { head, verb, object, switchesOn } = statement;
  const text = head.join(" ");
  if (verb === "create" || verb === "alter" || verb === "drop") {
    if (/^table/.test(object) && temporary.test(text)) return undefined;
    return object === "prepare" ? undefined : `${verb} ${object}`.trim().toUpperCase();
  }
  if (switchesOn) return "SET AUTOCOMMIT";
  return endings.exec(text)?.slice(1).find((words) => words !== undefined)?.toUpperCase();
}

/** Returns the first name if every statement has one: then all affect only their session. */
function sessionOnlyOfAll(all: readonly (string | undefined)[]): string | undefined {
  return all.includes(undefined) ? undefined : all[0];
}

function sessionOnlyOf(statement: ReadStatement): string | undefined {
  const { head, verb, object, call, locks, unlocks, isGlobal, keepsOpen } = statement;
  if (call !== undefined || isGlobal || statement.usesSequence) return undefined;
  const isQuery = verb === "select" || verb === "values" || verb === "table";
  if (isQuery && statement.intoVariable) return "SELECT … INTO";
  if (verb === "explain" && statement.intoVariable) return "EXPLAIN … INTO";
  if (isQuery || verb === "do") {
    if (unlocks) return undefined;
    return locks ? "GET_LOCK" : verb === "do" && statement.assigns ? "DO … :=" : undefined;
  }
  const text = head.join(" ");
  if (verb === "create" && temporary.test(text)) return `CREATE TEMPORARY ${object.toUpperCase()}`;
  if (keepsOpen) return verb === "handler" ? "HANDLER OPEN" : "FLUSH TABLES";
  return sessionOnly.find(([words]) => words.test(text))?.[1];
}

/** Returns whether a statement changes what a view, a trigger, or a function does. */
export function changesObjects({ verb, object, heading }: ReadStatement): boolean {
  if (/^rename tables?(?: |$)/.test(heading)) return true;
  if (verb === "alter" && object.startsWith("table")) return true;
  // The server drops a table's triggers together with it.
  const isDropped = verb === "drop" && /^(?:tables?|database|schema)$/.test(object);
  if (isDropped && !temporary.test(heading)) return true;
  return defining.has(verb) && /^(?:view|trigger|function|package)$/.test(object);
}

/**
 * Returns whether a statement may do so in a text that is not read, or after its first words; or
 * creates a database, which gives names another meaning.
 */
export function mayChangeObjects({ verb, object, heading, hasBody }: ReadStatement): boolean {
  const makesDatabase = verb === "create" && /^(?:database|schema)$/.test(object);
  return hasBody || makesDatabase || compound.test(heading);
}

/** First words of statements that run other statements. */
const compound: RegExp = /^(?:execute|begin not|if|case|while|for|loop|repeat)(?: |$)/;

/** What a transaction statement does. */
export type TransactionWord = "begin" | "commit" | "rollback" | "savepoint";

/** Statements that begin, end and divide transactions, by their first words. */
const transactionWords: ReadonlyArray<readonly [TransactionWord, RegExp]> = [
  ["savepoint", /^(?:savepoint|release savepoint|rollback (?:work )?to)(?: |$)/],
  ["rollback", /^(?:xa )?rollback(?: |$)/],
  ["commit", /^(?:xa )?commit(?: |$)/],
  ["begin", /^(?:begin(?: work)?$|start transaction(?: |$)|xa (?:start|begin) )/],
];

/** Returns what a text does to transactions, if that is all it does. */
export function transactionWordOf(
  { statements, isUncertain }: ReadText,
): TransactionWord | undefined {
  const [first, second] = statements;
  if (isUncertain || first === undefined || second !== undefined) return undefined;
  const head = first.head.join(" ");
  return transactionWords.find(([, pattern]) => pattern.test(head))?.[0];
}
