/**
 * The questions by which a session learns what is behind the names in its statements, and what its
 * user may see of that.
 */

import type { Connection } from "mysql2";
import { internalsOf } from "./mysql2_internals.ts";
import type { Analyser } from "./statement.ts";
import {
  COLUMN,
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
  /** Tells whether the server has warned that an answer may not be whole. */
  isWarned(): boolean;
}

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
  hiding: Hiding,
): Promise<readonly StoredObject[]> {
  const isMariaDb = internalsOf(driver)._isMariaDB;
  const rows = await rowsOf(driver, questionOf(names, schemas, isMariaDb === true));
  if (isWarned()) throw new LookUpWarning();
  return rows.map((row) => objectOf(analyser, rowOf(row.map(textOf)), hiding));
}

function questionOf(
  names: ReadonlySet<string>,
  schemas: ReadonlySet<string>,
  isMariaDb: boolean,
): string {
  const listed = Array.from(names, literalOf).join(", ");
  const inSchemas = `IN (DATABASE(), ${Array.from(schemas, literalOf).join(", ")})`;
  const select = (kind: number, texts: readonly string[], schema: string, name: string): string => {
    const columns = [name, ...texts, schema].map((text) => text === "NULL" ? text : bytesOf(text));
    return `SELECT ${kind}, ${columns.join(", ")} FROM information_schema.${tables[kind]} ` +
      `WHERE ${schema} ${inSchemas} AND ${name} IN (${listed})`;
  };
  const view = ["table_name", "view_definition", "NULL"];
  const trigger = ["trigger_name", "action_statement", "sql_mode"];
  const questions = [
    select(VIEW, view, "table_schema", "table_name"),
    select(TRIGGER, trigger, "event_object_schema", "event_object_table"),
  ];
  if (isMariaDb) {
    // It is reported of no such variable. MySQL lets no column have one.
    const column = ["column_name", "NULL", "NULL"];
    questions.push(
      `${select(COLUMN, column, "table_schema", "table_name")} ` +
        "AND (column_default LIKE '%:=%' OR generation_expression LIKE '%:=%')",
    );
  }
  return `(${questions.join(") UNION ALL (")}) LIMIT ${rowsMax}`;
}

/** Where objects of each kind are listed. */
const tables: Readonly<Record<number, string>> = {
  [VIEW]: "views",
  [TRIGGER]: "triggers",
  [COLUMN]: "columns",
};

function rowOf(values: readonly (string | number | null)[]): Row {
  const [kind, name, title, text = null, sqlMode = null, database] = values;
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

/** Returns the lines by which the server tells what privileges the user of a session has. */
export async function askOfGrants(driver: Connection): Promise<readonly string[]> {
  return (await rowsOf(driver, "SHOW GRANTS")).map(([line = null]) => String(textOf(line)));
}

/** A value as it is before it has been read as a text. */
type Value = Uint8Array | string | number | null;

async function rowsOf(driver: Connection, sql: string): Promise<readonly (readonly Value[])[]> {
  const rows = await new Promise<unknown>((resolve, reject) => {
    driver.query({ sql, ...options }, (error, rows) => error ? reject(error) : resolve(rows));
  });
  return rows as readonly (readonly Value[])[];
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

function textOf(value: Value): string | number | null {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

/** Returns a literal that means the same in every sql_mode. */
function literalOf(name: string): string {
  const bytes = new TextEncoder().encode(name);
  return `_utf8mb4 x'${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
}
