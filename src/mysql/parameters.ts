/**
 * The parameters of a prepared statement: counts them, checks the values for them, and expands the
 * lists of `IN (?)`.
 *
 * The server takes one value for each placeholder. So a list becomes as many placeholders, and
 * their number is rounded up to a power of two by repeating the last element: then lists of all
 * lengths make only a few prepared statements.
 */

import { excerptOf, type Statement } from "../port/session.ts";
import { END, Lexer, PLACEHOLDER, QUOTED } from "./lexer.ts";

/** A placeholder in a text. */
export interface Place {
  /** Where it begins. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  /** Whether it alone fills the parentheses of an IN. */
  readonly isList: boolean;
}

/** The placeholders of a text, in order; `isUncertain` if the text can be read in another way. */
export interface Places {
  /** The placeholders: `?`, `??`, `:name` and `::name`. */
  readonly places: readonly Place[];
  /** Whether the server may find others. */
  readonly isUncertain: boolean;
}

/** The greatest number of values of one prepared statement. */
const valuesMax = 65_535;
/** How many expanded texts are remembered for each text. */
const textsMax = 100;

/** Finds the placeholders of a text; `mode` is the sql_mode, by the bits of lexer.ts. */
export function placesIn(sql: string, mode: number): Places {
  const lexer = new Lexer(sql, mode, true);
  const places: Place[] = [];
  let [before, last, opened] = ["", "", -1];
  for (let kind = lexer.next(); kind !== END; kind = lexer.next()) {
    const { start, end } = lexer;
    const word = sql.slice(start, end);
    const place = places[opened];
    if (place !== undefined && word === ")") places[opened] = { ...place, isList: true };
    opened = -1;
    if (kind === PLACEHOLDER || kind === QUOTED && /^[?:]/.test(word)) {
      if (before === "in" && last === "(") opened = places.length;
      places.push({ start, end, isList: false });
    }
    [before, last] = [last, word.toLowerCase()];
  }
  return { places, isUncertain: lexer.isUncertain };
}

/** The parameters of the texts that are prepared. */
export class Parameters {
  readonly #sql: string;
  readonly #places: readonly Place[];
  readonly #isUncertain: boolean;
  readonly #texts = new Map<string, string>();

  /** Reads a text; `mode` is the sql_mode, by the bits of lexer.ts. */
  constructor(sql: string, mode: number) {
    const { places, isUncertain } = placesIn(sql, mode);
    this.#sql = sql;
    this.#places = places.filter(({ start }) => sql[start] === "?");
    // `??` is two placeholders to the server, which then refuses the text.
    this.#isUncertain = isUncertain || this.#places.some(({ start, end }) => end - start > 1);
  }

  /**
   * Returns a statement with its lists expanded, or the same statement if it has none.
   *
   * @throws {TypeError} If there are too few or too many values, or one cannot be sent.
   */
  bound(statement: Statement): Statement {
    const { values } = statement;
    if (values !== undefined && !Array.isArray(values)) return this.#named(statement);
    const count = values?.length ?? 0;
    if (!this.#isUncertain && count !== this.#places.length) throw this.#miscounted(count);
    if (values === undefined) return statement;
    let hasList = false;
    for (let index = 0; index < count; index++) {
      const value: unknown = values[index];
      if (value === undefined) throw missing(`${index + 1} of ${count}`, this.#sql);
      if (!Array.isArray(value)) continue;
      const isList = this.#places[index]?.isList === true && !this.#isUncertain;
      checkList(value, isList, `${index + 1} of ${count}`, this.#sql);
      hasList = true;
    }
    return hasList ? this.#expanded(statement, values) : statement;
  }

  /** Checks the values of named placeholders, which the driver puts in their places. */
  #named(statement: Statement): Statement {
    for (const [name, value] of Object.entries(Object(statement.values))) {
      if (Array.isArray(value)) checkList(value, false, `:${name}`, this.#sql);
    }
    return statement;
  }

  #expanded(statement: Statement, values: readonly unknown[]): Statement {
    const single = values.filter((value) => !Array.isArray(value)).length;
    const lists = values.length - single;
    // The lists share the places that the single values leave.
    const most = Math.floor((valuesMax - single) / lists);
    const all: unknown[] = [];
    const sizes = values.map((value, index) => {
      if (!Array.isArray(value)) {
        all.push(value);
        return 1;
      }
      if (value.length > most) throw tooLong(value.length, most, index + 1, this.#sql);
      const size = Math.min(2 ** Math.ceil(Math.log2(value.length)), most);
      for (let at = 0; at < size; at++) all.push(value[Math.min(at, value.length - 1)]);
      return size;
    });
    return { ...statement, sql: this.#textOf(sizes), values: all };
  }

  /** Returns the text with as many question marks at each place as a list of sizes says. */
  #textOf(sizes: readonly number[]): string {
    const key = sizes.join();
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    let text = "";
    let done = 0;
    for (const [index, { start, end }] of this.#places.entries()) {
      text += this.#sql.slice(done, start) + Array(sizes[index]).fill("?").join(", ");
      done = end;
    }
    text += this.#sql.slice(done);
    if (this.#texts.size >= textsMax) this.#texts.clear();
    this.#texts.set(key, text);
    return text;
  }

  #miscounted(given: number): TypeError {
    const { length } = this.#places;
    const parameters = `${length} parameter${length === 1 ? "" : "s"}`;
    const values = given === 0 ? "no value was" : given === 1 ? "1 value was" : `${given} were`;
    return new TypeError(
      `The statement has ${parameters}, and ${values} given: ${excerptOf(this.#sql)}`,
    );
  }
}

/** Throws if a parameter gets an array that it cannot take; `which` names the parameter. */
export function checkList(
  value: readonly unknown[],
  isList: boolean,
  which: string,
  sql: string,
): void {
  if (!isList) {
    throw new TypeError(
      `Parameter ${which} is an array: a prepared statement takes one only where it alone ` +
        `fills IN (…). For JSON, give JSON.stringify(array): ${excerptOf(sql)}`,
    );
  }
  if (value.length === 0) {
    throw new TypeError(
      `Parameter ${which} is an empty list, for which SQL has no IN (): leave the condition ` +
        `out, or the statement: ${excerptOf(sql)}`,
    );
  }
  for (const element of value) {
    if (element === undefined) throw missing(`${which}, an element of a list,`, sql);
    if (Array.isArray(element)) {
      throw new TypeError(`Parameter ${which} is a list of lists: ${excerptOf(sql)}`);
    }
  }
}

/** Returns the error for a parameter without a value; `which` names the parameter. */
export function missing(which: string, sql: string): TypeError {
  return new TypeError(
    `Parameter ${which} is missing or undefined; NULL is null: ${excerptOf(sql)}`,
  );
}

function tooLong(given: number, most: number, ordinal: number, sql: string): TypeError {
  return new TypeError(
    `Parameter ${ordinal} is a list of ${given} elements, and at most ${most} can be sent: ` +
      `run the statement for parts of it: ${excerptOf(sql)}`,
  );
}
