/** The SQL texts that programs send, and how to read their results. */

import type { Deed, Look } from "./history.ts";
import { Model } from "./model.ts";
import { type StatementStep, type StateStep, streamLength } from "./program.ts";

/** How long the server takes for a slow statement, in s. */
const slowSeconds = 0.02;

/** The parameters of SQL texts. */
interface Terms {
  readonly number: number;
  readonly isolationVariable: string;
}

/** An SQL text, and the values of its placeholders. */
interface Text {
  readonly text: string;
  readonly values: (string | number)[];
}

/** The statements that create the tables of programs in a database. */
export const tables: readonly string[] = [
  "CREATE TABLE log (program INT, mark VARCHAR(40), connection BIGINT, current VARCHAR(64), " +
  "KEY (program)) ENGINE = InnoDB",
  "CREATE TABLE flag (v VARCHAR(40)) ENGINE = InnoDB",
  "INSERT INTO flag VALUES ('none')",
  "CREATE TABLE numbers (n INT PRIMARY KEY) ENGINE = InnoDB",
  `INSERT INTO numbers VALUES ${Array.from({ length: 200 }, (_, n) => `(${n})`).join(", ")}`,
];

/** The query of a stream. */
export const stream: string =
  `SELECT a.n AS a, b.n AS b FROM numbers AS a JOIN numbers AS b LIMIT ${streamLength}`;

/** Returns the SQL text of a statement step. */
export function statement(
  { what, isSlow }: Pick<StatementStep, "what" | "isSlow">,
  mark: string,
  { number, isolationVariable }: Terms,
): Text {
  const wait = `(SELECT SLEEP(${slowSeconds}) AS slept) AS slow WHERE slept = 0`;
  switch (what) {
    case "write": {
      const into = "INSERT INTO log (program, mark, connection, current)";
      const row = "?, ?, CONNECTION_ID(), DATABASE()";
      const text = isSlow ? `${into} SELECT ${row} FROM ${wait}` : `${into} VALUES (${row})`;
      return { text, values: [number, mark] };
    }
    case "read": {
      const text = `${look(isolationVariable)}${isSlow ? ` FROM ${wait}` : ""}`;
      return { text, values: [mark] };
    }
    case "wrong":
      return { text: `SELECT '${mark}' FROM missing`, values: [] };
    case "deadlock":
      return {
        text: `SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = '${mark}'`,
        values: [],
      };
  }
}

/** Returns the SQL text that sets session state in the name of its unit, and one that reads it. */
export function state(
  { what }: StateStep,
  id: number,
  deeds: readonly Deed[],
  { number, databases, isolationVariable }: Terms & { readonly databases: readonly string[] },
): { owner: string; look: string } {
  const deed = deeds[id];
  const unit = ownerOf(deed === undefined ? id : new Model(deeds).unitOf(deed).id);
  const texts: Record<StateStep["what"], string> = {
    variable: `SET @owner = '${unit}'`,
    table: "CREATE TEMPORARY TABLE IF NOT EXISTS flag (v VARCHAR(40)) ENGINE = MEMORY " +
      `SELECT '${unit}' AS v`,
    isolation: "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    lock: `SELECT GET_LOCK('${lockOf(number)}', 0) AS got`,
    database: `USE ${databases[id % 2]}`,
  };
  return { owner: texts[what], look: look(isolationVariable).replace("?", "'look'") };
}

/** Returns the name of the lock that the units of a program take. */
export function lockOf(number: number): string {
  return `programs_${number}`;
}

/** Returns the name of a unit in the session state that it sets. */
export function ownerOf(unit: number): string {
  return `u${unit}`;
}

/** Returns the session state in the result of a read. */
export function lookIn(rows: object): Look | undefined {
  const [row] = Array.isArray(rows) ? rows : [];
  if (row === undefined || !("isolation" in row)) return undefined;
  const { connection, current, owner, flag, isolation } = row;
  return { connection: Number(connection), current, owner, flag, isolation };
}

function look(isolationVariable: string): string {
  return "SELECT ? AS mark, CONNECTION_ID() AS connection, DATABASE() AS current, " +
    `@owner AS owner, ${isolationVariable} AS isolation, (SELECT v FROM flag LIMIT 1) AS flag`;
}
