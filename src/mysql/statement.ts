/**
 * Analyses the text of a statement: what the statement does, and what it leaves in its session.
 * Analyses are cached by text.
 */

import type { StatementFacts } from "../port/session.ts";
import { type Builtins, builtinsOf } from "./builtin_functions.ts";
import { Parameters } from "./parameters.ts";
import type { ReadText } from "./read_statement.ts";
import { both, type Trace, traceOf } from "./statement_effects.ts";
import {
  changesObjects,
  commonFacts,
  factsOfText,
  mayChangeObjects,
  setsIdUntold,
  type TransactionWord,
  transactionWordOf,
  unknownFacts,
} from "./statement_facts.ts";
import { readText } from "./statement_reader.ts";
import { namesIn, type TableNames } from "./table_names.ts";

/** What the statements of a text do and leave. */
interface Summary extends StatementFacts, Trace {
  /** Whether it leaves an id or a count of rows to read that its answer does not show. */
  readonly leavesResultInfo: boolean;
  /** Whether it sets LAST_INSERT_ID() or LASTVAL(), and its answer does not show that. */
  readonly setsId: boolean;
  /** Whether its answer may hold the id of an existing row, which does not set LAST_INSERT_ID(). */
  readonly isUpsert: boolean;
  /** Whether it leaves state that not even a new login wipes. */
  readonly outlivesLogin: boolean;
  /** What it does to transactions, if that is all it does. */
  readonly transactionWord: TransactionWord | undefined;
  /** Whether it is a single CALL. */
  readonly isCall: boolean;
  /** Whether it changes the effect of a view, of a trigger, or of a function that they call. */
  readonly changesObjects: boolean;
  /** Whether it may do so in a way that its first words do not show. */
  readonly mayChangeObjects: boolean;
  /** The text that it runs, if it is an EXECUTE IMMEDIATE of a literal. */
  readonly inner?: string;
}

/** The analysis of a text. */
export interface Analysis extends Summary {
  /** Whether it is a SET TRANSACTION that applies to the next transaction alone. */
  readonly isForNext: boolean;
  /**
   * Whether it is certain to clear the warnings of the statements before it: MariaDB keeps them
   * when a statement uses no table.
   */
  readonly isClearing: boolean;
  /** Whether it names a variable as `@@name`. */
  readonly namesVariable: boolean;
  /** Returns the names in it, which include those of all its tables. */
  tableNames(): TableNames;
  /** Returns its parameters, as a prepared statement has them. */
  parameters(): Parameters;
  /** The key of the text in the driver's cache of prepared statements, once it is computed. */
  preparedKey: string | undefined;
}

/** How many texts an analyser remembers for each sql_mode. */
const textsMax = 1000;
/** The greatest length of a text that is remembered. */
export const textLengthMax = 4000;
/** EXECUTE IMMEDIATE of a string literal without backslashes. */
const immediatePattern: RegExp =
  /^\s*execute\s+immediate\s+(?:'((?:[^'\\]|'')*)'|"([^"\\]*)")\s*;?\s*$/i;
/** How many analysers are remembered: one for each version and list of clean functions. */
const analysersMax = 100;

const analysers: Map<string, Analyser> = new Map();

/**
 * Returns the analyser of texts for a server.
 *
 * @param version The server's version, as in its greeting; "" if unknown.
 * @param cleanFunctions The names of functions that leave nothing in their session.
 */
export function analyserOf(version: string, cleanFunctions: readonly string[]): Analyser {
  const key = JSON.stringify([version, ...cleanFunctions]);
  const known = analysers.get(key);
  if (known !== undefined) return known;
  if (analysers.size >= analysersMax) analysers.clear();
  const analyser = new Analyser(builtinsOf(version), cleanFunctions);
  analysers.set(key, analyser);
  return analyser;
}

/** Analyses texts as one kind of server reads them. */
export class Analyser {
  readonly #builtins: Builtins;
  readonly #clean: ReadonlySet<string>;
  readonly #known: Map<string, Analysis>[] = [];

  /** Creates an analyser that remembers no text yet. */
  constructor(builtins: Builtins, cleanFunctions: readonly string[]) {
    this.#builtins = builtins;
    this.#clean = new Set(cleanFunctions.map((name) => name.toLowerCase()));
  }

  /**
   * Returns the analysis of a text.
   *
   * @param sql The text, with `?` for literals and `??` for quoted names.
   * @param mode The sql_mode, by the bits of lexer.ts.
   */
  analyse(sql: string, mode: number): Analysis {
    const texts = this.#known[mode] ??= new Map();
    const known = texts.get(sql);
    if (known !== undefined) return known;
    const analysis = completed(this.#read(sql, mode), sql, mode);
    if (sql.length <= textLengthMax) {
      if (texts.size >= textsMax) texts.clear();
      texts.set(sql, analysis);
    }
    return analysis;
  }

  /** Reads the body of a trigger in the sql_mode that the trigger was created with. */
  readBody(body: string, mode: number): ReadText {
    return readText(body, {
      builtins: this.#builtins,
      clean: this.#clean,
      mode,
      runsVersioned: true,
    });
  }

  #read(sql: string, mode: number): Summary {
    const [, single, double] = immediatePattern.exec(sql) ?? [];
    const immediate = single?.replaceAll("''", "'") ?? double;
    const summary = this.#readVersions(sql, mode);
    if (immediate === undefined) return summary;
    return { ...summary, sessionOnly: this.#read(immediate, mode).sessionOnly, inner: immediate };
  }

  /** Reads a text both with and without its versioned comment, which some servers run. */
  #readVersions(sql: string, mode: number): Summary {
    const reading = { builtins: this.#builtins, clean: this.#clean, mode };
    const run = readText(sql, { ...reading, runsVersioned: true });
    const { isMariaDb } = this.#builtins;
    const analysis = summary(run, isMariaDb);
    if (run.versionedCount === 0) return analysis;
    const skipped = readText(sql, { ...reading, runsVersioned: false });
    // The server may run or skip each of several comments.
    const isUncertain = run.isUncertain || skipped.isUncertain || run.versionedCount > 1;
    if (isUncertain) return summary({ ...run, isUncertain }, isMariaDb);
    // A server that skips the comment has nothing else to run.
    if (skipped.statements.length === 0) return analysis;
    const other = summary(skipped, isMariaDb);
    if (analysis.effect === other.effect) return { ...analysis, ...commonFacts(analysis, other) };
    const unknown: Trace = { effect: "renewed", reason: "unknown text" };
    return {
      ...analysis,
      ...both(both(analysis, other), unknown),
      ...commonFacts(analysis, other),
      transactionWord: undefined,
      isCall: false,
      changesObjects: analysis.changesObjects || other.changesObjects,
      mayChangeObjects: analysis.mayChangeObjects || other.mayChangeObjects,
    };
  }
}

function summary(text: ReadText, isMariaDb: boolean): Summary {
  const { statements } = text;
  const setsId = statements.some(setsIdUntold);
  return {
    ...traceOf(text),
    ...text.isUncertain ? unknownFacts : factsOfText(text),
    leavesResultInfo: setsId || statements.some(({ countsRows }) => countsRows),
    setsId,
    isUpsert: statements.some(({ isUpsert, setsId }) => isUpsert && !setsId),
    // As long as the connection is open, MariaDB keeps profiles and MySQL optimizer traces.
    outlivesLogin: statements.some(({ profiles, traces }) => isMariaDb ? profiles : traces),
    transactionWord: transactionWordOf(text),
    isCall: !text.isUncertain && statements.length === 1 && statements[0]?.verb === "call",
    changesObjects: statements.some(changesObjects),
    mayChangeObjects: statements.some(mayChangeObjects),
  };
}

/** Adds facts from a search of the text, so that each text is searched only once. */
function completed(summary: Summary, sql: string, mode: number): Analysis {
  const { isReadOnly, sessionOnly, transactionWord, inner = sql } = summary;
  const isOther = transactionWord === undefined && sessionOnly === undefined;
  let names: TableNames | undefined;
  let parameters: Parameters | undefined;
  return {
    ...summary,
    isForNext: sessionOnly === "SET TRANSACTION" && /^\s*set\s+transaction\b/i.test(sql),
    isClearing: isOther && (!isReadOnly || /\bfrom\b(?!\s+dual\b)/i.test(sql)),
    namesVariable: sql.includes("@@"),
    tableNames: () => names ??= namesIn(inner, mode),
    parameters: () => parameters ??= new Parameters(sql, mode),
    preparedKey: undefined,
  };
}
