/**
 * What the text of a statement tells: what it leaves in its session, and what it does. Each text is
 * read once and remembered with all of that.
 */

import type { StatementFacts } from "../port.ts";
import { type Builtins, builtinsOf } from "./builtin_functions.ts";
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

/** What the statements of a text tell. */
interface Summary extends StatementFacts, Trace {
  /** Whether it leaves something to ask for of which its answer does not tell. */
  readonly leavesResultInfo: boolean;
  /** Whether it sets what LAST_INSERT_ID() or LASTVAL() returns, and its answer does not tell. */
  readonly setsId: boolean;
  /** Whether its answer tells the id of a row as well that was there, and is not set. */
  readonly isUpsert: boolean;
  /** Whether it leaves what not even a new login wipes. */
  readonly outlivesLogin: boolean;
  /** What it does to transactions, if that is all it does. */
  readonly transactionWord: TransactionWord | undefined;
  /** Whether it is a single CALL. */
  readonly isCall: boolean;
  /** Whether it changes what a view, a trigger, or a function that they call, does. */
  readonly changesObjects: boolean;
  /** Whether it may do so without saying it. */
  readonly mayChangeObjects: boolean;
  /** The text that EXECUTE IMMEDIATE runs, if it is that. */
  readonly inner?: string;
}

/** What a text tells. */
export interface Analysis extends Summary {
  /** Whether it is SET TRANSACTION for the next transaction alone, which uses that up. */
  readonly isForNext: boolean;
  /**
   * Whether it is certain to clear the warnings of the statements before it: MariaDB keeps those
   * when a statement uses no table.
   */
  readonly isClearing: boolean;
  /** Whether it names a variable as `@@name`. */
  readonly namesVariable: boolean;
  /** Returns the names in it, among which are those of all its tables. */
  tableNames(): TableNames;
  /** The key of the text in the driver's cache of prepared statements, once it was asked for. */
  preparedKey: string | undefined;
}

/** How many texts are remembered. */
const textsMax = 1000;
/** The length up to which texts are remembered. */
export const textLengthMax = 4000;
/** EXECUTE IMMEDIATE of a text that is there as it is. */
const immediatePattern: RegExp =
  /^\s*execute\s+immediate\s+(?:'((?:[^'\\]|'')*)'|"([^"\\]*)")\s*;?\s*$/i;
/** How many analysers are remembered: one for each version, and list of functions. */
const analysersMax = 100;

const analysers: Map<string, Analyser> = new Map();

/**
 * Returns what reads texts for a server.
 *
 * @param version The server's version, as its greeting says it; "" if it is not known.
 * @param cleanFunctions The names of functions that are known to leave nothing.
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

/** Reads texts for one kind of server. */
export class Analyser {
  readonly #builtins: Builtins;
  readonly #clean: ReadonlySet<string>;
  readonly #known: Map<string, Analysis>[] = [];

  /** Creates one that knows no text yet. */
  constructor(builtins: Builtins, cleanFunctions: readonly string[]) {
    this.#builtins = builtins;
    this.#clean = new Set(cleanFunctions.map((name) => name.toLowerCase()));
  }

  /**
   * Returns what a text tells.
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

  /** Returns what is read in the body of a trigger, with the sql_mode that it was made with. */
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

  /** A comment that some servers run is read in both ways. */
  #readVersions(sql: string, mode: number): Summary {
    const reading = { builtins: this.#builtins, clean: this.#clean, mode };
    const run = readText(sql, { ...reading, runsVersioned: true });
    const { isMariaDb } = this.#builtins;
    const analysis = summary(run, isMariaDb);
    if (run.versionedCount === 0) return analysis;
    const skipped = readText(sql, { ...reading, runsVersioned: false });
    // Each of several comments can be run or not.
    const isUncertain = run.isUncertain || skipped.isUncertain || run.versionedCount > 1;
    if (isUncertain) return summary({ ...run, isUncertain }, isMariaDb);
    // Where it is skipped, there is nothing else.
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
    // MariaDB keeps profiles as long as the connection, MySQL what its optimizer has traced.
    outlivesLogin: statements.some(({ profiles, traces }) => isMariaDb ? profiles : traces),
    transactionWord: transactionWordOf(text),
    isCall: !text.isUncertain && statements.length === 1 && statements[0]?.verb === "call",
    changesObjects: statements.some(changesObjects),
    mayChangeObjects: statements.some(mayChangeObjects),
  };
}

/** Adds what the text itself tells, so that no statement is searched twice. */
function completed(summary: Summary, sql: string, mode: number): Analysis {
  const { isReadOnly, sessionOnly, transactionWord, inner = sql } = summary;
  const isOther = transactionWord === undefined && sessionOnly === undefined;
  let names: TableNames | undefined;
  return {
    ...summary,
    isForNext: sessionOnly === "SET TRANSACTION" && /^\s*set\s+transaction\b/i.test(sql),
    isClearing: isOther && (!isReadOnly || /\bfrom\b(?!\s+dual\b)/i.test(sql)),
    namesVariable: sql.includes("@@"),
    tableNames: () => names ??= namesIn(inner, mode),
    preparedKey: undefined,
  };
}
