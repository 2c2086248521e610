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
  readonly #named: readonly Place[];
  readonly #isUncertain: boolean;
  readonly #texts = new Map<string, string>();

  /** Reads a text; `mode` is the sql_mode, by the bits of lexer.ts. */
  constructor(sql: string, mode: number) {
    const { places, isUncertain } = placesIn(sql, mode);
    this.#sql = sql;
    this.#places = places.filter(({ start }) => sql[start] === "?");
    this.#named = places.filter(({ start }) => sql[start] === ":" && sql[start + 1] !== ":");
    // `??` is two placeholders to the server, which then refuses the text.
    this.#isUncertain = isUncertain || this.#places.some(({ start, end }) => end - start > 1);
  }

  /**
   * Returns a statement with its lists expanded, or the same statement if it has none.
   *
   * @param statement The statement, with this text.
   * @param isNamed Whether its placeholders may have names.
   * @throws {TypeError} `PARAMETER_INVALID` if there are too few or too many values, or one cannot
   *   be sent.
   */
  bound(statement: Statement, isNamed: boolean): Statement {
    const { values } = statement;
    if (isNamed && this.#named.length > 0 && !Array.isArray(values)) return this.#byName(statement);
    // The driver refuses other objects.
    if (typeof values === "object" && values !== null && !Array.isArray(values)) return statement;
    const list: readonly unknown[] = Array.isArray(values) ? values : listOf(values);
    const count = list.length;
    if (!this.#isUncertain && count !== this.#places.length) throw this.#miscounted(count);
    let hasList = false;
    for (let index = 0; index < count; index++) {
      const value: unknown = list[index];
      if (value !== undefined && !Array.isArray(value)) continue;
      const place = this.#isUncertain ? unknownPlace : this.#places[index] ?? unknownPlace;
      checkValue(value, place, `${index + 1} of ${count}`, this.#sql);
      hasList = true;
    }
    if (hasList) return this.#expanded(statement, this.#places, list);
    return list === values || count === 0 ? statement : { ...statement, values: list };
  }

  /** Checks the values of named placeholders. The driver puts all except lists in their places. */
  #byName(statement: Statement): Statement {
    const values = this.#named.map((place) => {
      const name = this.#sql.slice(place.start + 1, place.end);
      const value: unknown = Reflect.get(Object(statement.values), name);
      // Beside question marks, the driver numbers the values.
      const isSure = !this.#isUncertain && this.#places.length === 0;
      checkValue(value, isSure ? place : { ...place, isList: false }, `:${name}`, this.#sql);
      return value;
    });
    const hasList = values.some((value) => Array.isArray(value));
    return hasList ? this.#expanded(statement, this.#named, values) : statement;
  }

  #expanded(
    statement: Statement,
    places: readonly Place[],
    values: readonly unknown[],
  ): Statement {
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
      if (value.length > most) {
        throw parameterError(
          `Parameter ${index + 1} is a list of ${value.length} elements, and at most ${most} can ` +
            "be sent: run the statement for parts of it",
          this.#sql,
          places[index],
        );
      }
      const size = Math.min(2 ** Math.ceil(Math.log2(value.length)), most);
      for (let at = 0; at < size; at++) all.push(value[Math.min(at, value.length - 1)]);
      return size;
    });
    return { ...statement, sql: this.#textOf(places, sizes), values: all };
  }

  /** Returns the text with as many question marks at each place as a list of sizes says. */
  #textOf(places: readonly Place[], sizes: readonly number[]): string {
    const key = sizes.join();
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    let text = "";
    let done = 0;
    for (const [index, { start, end }] of places.entries()) {
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
    return parameterError(`The statement has ${parameters}, and ${values} given`, this.#sql);
  }
}

/** A placeholder of which only its number is known. */
const unknownPlace: Place = { start: 0, end: 0, isList: false };

const noValues: readonly unknown[] = [];

/** Returns the values of a statement that got one value, or none. */
function listOf(value: unknown): readonly unknown[] {
  return value === undefined || value === null ? noValues : [value];
}

/**
 * Throws if a parameter gets undefined, or an array that it cannot take.
 *
 * @param value The value.
 * @param place The placeholder.
 * @param which The number or the name of the parameter.
 * @param sql The text of the statement.
 */
export function checkValue(value: unknown, place: Place, which: string, sql: string): void {
  if (value === undefined) throw missing(which, sql, place);
  if (!Array.isArray(value)) return;
  if (!place.isList) {
    throw parameterError(
      `Parameter ${which} is an array: a prepared statement takes one only where it alone ` +
        "fills IN (…). For JSON, give JSON.stringify(array)",
      sql,
      place,
    );
  }
  if (value.length === 0) {
    throw parameterError(
      `Parameter ${which} is an empty list, for which SQL has no IN (): leave the condition ` +
        "out, or the statement",
      sql,
      place,
    );
  }
  for (const element of value) {
    if (element === undefined) throw missing(`${which}, an element of a list,`, sql, place);
    if (Array.isArray(element)) {
      throw parameterError(`Parameter ${which} is a list of lists`, sql, place);
    }
  }
}

function missing(which: string, sql: string, place: Place): TypeError {
  return parameterError(`Parameter ${which} is missing or undefined; NULL is null`, sql, place);
}

/** The greatest length of a text that an error shows in full. */
const excerptMax = 80;

/**
 * Returns the error, with the code `PARAMETER_INVALID`, for values that do not fit the parameters
 * of a statement; shows the text around a place if that is given.
 */
export function parameterError(message: string, sql: string, place?: Place): TypeError {
  const start = sql.length > excerptMax ? Math.max(0, (place?.start ?? 0) - excerptMax / 2) : 0;
  const excerpt = `${start > 0 ? "…" : ""}${excerptOf(sql.slice(start))}`;
  return Object.assign(new TypeError(`${message}: ${excerpt}`), { code: "PARAMETER_INVALID" });
}
