/**
 * The queries by which a session learns what views and triggers are behind the names in its
 * statements, and which of them its user may see.
 */

import type { Connection } from "mysql2";
import { internalsOf } from "./mysql2_internals.ts";
import type { Analyser } from "./statement.ts";
import {
  COLUMN,
  DATABASE,
  folded,
  type Hiding,
  objectOf,
  type Row,
  type StoredObject,
  TRIGGER,
  VIEW,
} from "./stored_object_texts.ts";

/** A session that asks its server for views and triggers. */
export interface Asking {
  /** Its connection. */
  readonly driver: Connection;
  /** Reads texts as its server does. */
  readonly analyser: Analyser;
  /** When it logged in. */
  readonly loggedInAt: number;
  /** Whether it noted its role when it began. */
  readonly isRoleNoted: boolean;
  /** Tells whether the server has warned that an answer may be incomplete. */
  isWarned(): boolean;
}

/** They override the user's options, so that rows have the same shape in each session. */
const options = {
  rowsAsArray: true,
  nestTables: false,
  typeCast: true,
  maxResultBytes: Infinity,
} as const;
/** The LIMIT of a look-up, which overrides sql_select_limit. */
const rowsMax = 1_000_000;

/** The answer to a look-up. */
export interface LookedUp {
  /** The views, triggers and columns behind the names. */
  readonly objects: readonly StoredObject[];
  /** Which of the names are databases, {@linkcode folded}. */
  readonly databases: readonly string[];
  /** The session's current database, if it has one. */
  readonly initialDatabase: string | undefined;
}

/**
 * Asks for the views and triggers behind names, in the current database and in all that `schemas`
 * may name. It asks by name alone: if it had to look at other tables, MariaDB would wait for those
 * that another session is changing.
 */
export async function askOfObjects(
  { driver, analyser, isRoleNoted, isWarned }: Asking,
  names: ReadonlySet<string>,
  schemas: ReadonlySet<string>,
  hiding: Hiding,
): Promise<LookedUp> {
  const isMariaDb = internalsOf(driver)._isMariaDB;
  const asksRole = isRoleNoted ? isSameRole : "''";
  const found = await rowsOf(driver, questionOf(names, schemas, asksRole, isMariaDb === true));
  if (isWarned()) throw new UnsoundLookUp("failed look-up");
  const rows = found.map((row) => rowOf(row.map(textOf)));
  if (rows.some(({ kind, title }) => kind === STATE && title === "0")) {
    throw new UnsoundLookUp("role");
  }
  const isDatabase = ({ kind }: Row): boolean => kind === DATABASE;
  return {
    objects: rows.filter((row) => row.kind > 0 && !isDatabase(row))
      .map((row) => objectOf(analyser, row, hiding)),
    databases: rows.filter(isDatabase).map(({ name }) => folded(name)),
    initialDatabase: rows.find(({ kind }) => kind === STATE)?.text ?? undefined,
  };
}

function questionOf(
  names: ReadonlySet<string>,
  schemas: ReadonlySet<string>,
  asksRole: string,
  isMariaDb: boolean,
): string {
  const listed = Array.from(names, literalOf);
  const databases = ["DATABASE()", ...Array.from(schemas, literalOf)];
  const select = (kind: number, name: string, schema: string, ...texts: string[]): string => {
    const columns = [name, schema, ...texts].map((text) => text === "NULL" ? text : bytesOf(text));
    return `SELECT ${kind}, ${columns.join(", ")} FROM information_schema.${tables[kind]} ` +
      `WHERE ${isAmong(name, listed)}` +
      (schema === name ? "" : ` AND ${isAmong(schema, databases)}`);
  };
  const table = ["table_name", "table_schema"] as const;
  const questions = [
    `SELECT ${STATE}, '', '', ${asksRole}, ${bytesOf("DATABASE()")}, NULL`,
    select(DATABASE, "schema_name", "schema_name", "NULL", "NULL", "NULL"),
    select(VIEW, ...table, "table_name", "view_definition", "NULL"),
    select(
      TRIGGER,
      "event_object_table",
      "event_object_schema",
      "trigger_name",
      "action_statement",
      "sql_mode",
    ),
  ];
  if (isMariaDb) {
    // The server reports no variable that a column's expression sets. MySQL allows no such column.
    questions.push(
      `${select(COLUMN, ...table, "column_name", "NULL", "NULL")} ` +
        "AND (column_default LIKE '%:=%' OR generation_expression LIKE '%:=%')",
    );
  }
  return `(${questions.join(") UNION ALL (")}) LIMIT ${rowsMax}`;
}

/** MariaDB turns a longer list into a table, and then cannot look up objects by these names. */
const listMax = 900;

/** Returns a condition that a column equals one of some literals. */
function isAmong(column: string, literals: readonly string[]): string {
  const lists = [literals.slice(0, listMax)];
  for (let at = listMax; at < literals.length; at += listMax) {
    lists.push(literals.slice(at, at + listMax));
  }
  return `(${lists.map((list) => `${column} IN (${list.join(", ")})`).join(" OR ")})`;
}

/** The kind of the row that tells the current database, and whether the role is the noted one. */
const STATE = 0;
/** The user variable in which a session notes its role when it begins. */
export const noted = "@sublet";
/** The expression that returns its role. */
export const role = "CURRENT_ROLE()";
const isSameRole = `CAST(${noted} AS BINARY) <=> CAST(${role} AS BINARY)`;
/** The table of information_schema that lists each kind. */
const tables: Readonly<Record<number, string>> = {
  [VIEW]: "views",
  [TRIGGER]: "triggers",
  [COLUMN]: "columns",
  [DATABASE]: "schemata",
};

function rowOf(values: readonly (string | number | null)[]): Row {
  const [kind, name, database, title, text = null, sqlMode = null] = values;
  const texts = [text, sqlMode].map((value) => value === null ? null : String(value));
  return {
    kind: Number(kind),
    name: String(name),
    title: String(title),
    text: texts[0] ?? null,
    sqlMode: texts[1] ?? null,
    database: String(database),
  };
}

/** Returns the lines of SHOW GRANTS for the user of a session. */
export async function askOfGrants(driver: Connection): Promise<readonly string[]> {
  return (await rowsOf(driver, "SHOW GRANTS")).map(([line = null]) => String(textOf(line)));
}

/** Tells whether the server takes `%` in privileges on databases literally. */
export async function askOfPartialRevokes(driver: Connection): Promise<boolean> {
  const [row] = await rowsOf(driver, "SHOW GLOBAL VARIABLES LIKE 'partial_revokes'");
  return String(textOf(row?.[1] ?? null)) === "ON";
}

/** A value of a row, before it is decoded as text. */
type Value = Uint8Array | string | number | null;

async function rowsOf(driver: Connection, sql: string): Promise<readonly (readonly Value[])[]> {
  const rows = await new Promise<unknown>((resolve, reject) => {
    driver.query({ sql, ...options }, (error, rows) => error ? reject(error) : resolve(rows));
  });
  return rows as readonly (readonly Value[])[];
}

/** Thrown if a look-up may be incomplete, or may differ from what a new session would get. */
export class UnsoundLookUp extends Error {
  /** Why the session needs a new login. */
  readonly reason: string;

  /** Creates the error. */
  constructor(reason: string) {
    super(`The look-up is not reliable: ${reason}`);
    this.reason = reason;
  }
}

/** Returns an expression for the bytes of a column, whatever character set the session has. */
function bytesOf(column: string): string {
  return `CAST(CONVERT(${column} USING utf8mb4) AS BINARY)`;
}

function textOf(value: Value): string | number | null {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

/** Returns a literal that means the same in every sql_mode. */
function literalOf(name: string): string {
  const bytes = new TextEncoder().encode(name);
  return `_utf8mb4 x'${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
}
