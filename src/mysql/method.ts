/**
 * SQL methods: the text of a statement with `:name` or `?` for its parameters, parsed once.
 *
 * The parser looks for parameters outside strings, quoted names and comments. The server always
 * gets question marks, so it can prepare the statement whatever the names of its parameters are.
 */

import { checkValue, parameterError, type Place, placesIn } from "./parameters.ts";

/** A statement whose parameters have been found. */
export interface Method {
  /** The text that the server gets. */
  readonly sql: string;
  /**
   * Returns the values that the server gets, from an object with a property for each name, or from
   * an array with an element for each question mark.
   *
   * @throws {TypeError} `PARAMETER_INVALID` if a value is missing or undefined, cannot be sent, or
   *   is for no parameter.
   */
  bind(args: unknown): unknown[];
}

/** A parameter with a name. */
interface Named extends Place {
  readonly name: string;
}

/** Returns the known word that the caller may have meant by `word`. */
export type Closest = (word: string, known: Iterable<string>) => string | undefined;

/**
 * Parses the text of a statement.
 *
 * @param sql The statement, with parameters like `:name`, or with question marks, not both.
 * @param closest Returns the known parameter that is closest to an unknown one.
 * @throws {TypeError} `PARAMETER_INVALID` if the statement has parameters of both kinds.
 */
export function compileMethod(sql: string, closest: Closest): Method {
  const { text, names, places } = read(sql);
  if (names.length > 0 && places.length > 0) {
    throw parameterError(
      `Cannot tell parameters apart: the statement has both :${names[0]?.name} and ?`,
      sql,
    );
  }
  const known = new Set(names.map(({ name }) => name));
  const check = (args: object): void => {
    const unknown = Object.keys(args).find((name) => !known.has(name));
    if (unknown !== undefined) throw noParameter(unknown, closest(unknown, known), sql);
  };
  const bind = names.length > 0
    ? (args: unknown): unknown[] => bindNames(names, check, args, sql)
    : (args: unknown): unknown[] => bindPlaces(places, args, sql);
  return { sql: text, bind };
}

/** Finds the parameters of a statement; lists a name as often as it occurs. */
function read(sql: string): { text: string; names: Named[]; places: Place[] } {
  const names: Named[] = [];
  let text = "";
  const places: Place[] = [];
  let done = 0;
  for (const place of placesIn(sql, 0).places) {
    const { start, end } = place;
    // `??` is two placeholders to the server.
    if (sql[start] === "?") places.push(...Array<Place>(end - start).fill(place));
    const name = nameAt(sql, start);
    if (name === undefined) continue;
    names.push({ name, ...place });
    text += `${sql.slice(done, start)}?`;
    done = end;
  }
  return { text: text + sql.slice(done), names, places };
}

const namePattern: RegExp = /:([\p{L}_$][\p{L}\p{N}_$]*)/uy;

/** Returns the name after a colon, unless the colon belongs to the character before it. */
function nameAt(sql: string, at: number): string | undefined {
  if (sql[at] !== ":" || at > 0 && /[\p{L}\p{N}_$:]/u.test(sql[at - 1] ?? "")) return undefined;
  namePattern.lastIndex = at;
  return namePattern.exec(sql)?.[1];
}

function bindNames(
  names: readonly Named[],
  check: (args: object) => void,
  args: unknown,
  sql: string,
): unknown[] {
  if (typeof args !== "object" || args === null || Array.isArray(args)) {
    throw parameterError(
      `Parameters must be an object with ${list(names)}: received ${kindOf(args)}`,
      sql,
    );
  }
  check(args);
  return names.map((place) => {
    const { name } = place;
    const value: unknown = Object.hasOwn(args, name) ? Reflect.get(args, name) : undefined;
    checkValue(value, place, `:${name}`, sql);
    return value;
  });
}

function bindPlaces(places: readonly Place[], args: unknown, sql: string): unknown[] {
  const count = places.length;
  const values: unknown = args ?? [];
  if (!Array.isArray(values)) {
    if (count === 0 && typeof values === "object" && Object.keys(Object(values)).length === 0) {
      return [];
    }
    throw parameterError(`Parameters must be an array of ${count}: received ${kindOf(args)}`, sql);
  }
  if (values.length > count) {
    throw parameterError(
      `The statement has ${count} parameters, ${values.length} were given`,
      sql,
    );
  }
  return places.map((place, index) => {
    checkValue(values[index], place, `${index + 1} of ${count}`, sql);
    return values[index];
  });
}

function noParameter(name: string, meant: string | undefined, sql: string): TypeError {
  const hint = meant === undefined ? "" : `; did you mean :${meant}?`;
  return parameterError(`The statement has no parameter :${name}${hint}`, sql);
}

function list(names: readonly Named[]): string {
  return Array.from(new Set(names.map(({ name }) => `:${name}`))).join(", ");
}

function kindOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
}
