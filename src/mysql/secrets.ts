/**
 * What the driver would tell of secrets: it keeps passwords and keys where whoever prints a
 * connection sees them, and writes values into the text of a statement that failed.
 */

import type { Connection } from "mysql2";
import { internalsOf } from "./internals.ts";

/** The options of a connection that are nobody else's business. */
const secret: readonly string[] = [
  "password",
  "password2",
  "password3",
  "passwordSha1",
  "ssl",
];

/**
 * Keeps the secrets of a connection out of what is printed of it; they can be read and copied as
 * before, as code that knows the driver opens further connections by a copy of its options.
 */
export function hideSecrets(driver: Connection): void {
  const { config } = internalsOf(driver);
  const shown = (): object => {
    return Object.fromEntries(Object.entries(config).filter(([name]) => !secret.includes(name)));
  };
  for (const name of ["toJSON", Symbol.for("nodejs.util.inspect.custom")]) {
    Object.defineProperty(config, name, { value: shown, enumerable: false });
  }
}

/** Puts the text that was given in the place of the one that has values in it. */
export function withoutValues(error: unknown, sql: string): unknown {
  if (error instanceof Error && "sql" in error) error.sql = sql;
  return error;
}
