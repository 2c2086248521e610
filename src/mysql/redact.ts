/**
 * Hides secrets that the driver would show: it keeps passwords and keys in
 * options that anyone sees who prints a connection, and writes values into the text of a failed
 * statement.
 */

import type { DriverCommand, DriverInternals, SecretOptions } from "./mysql2_internals.ts";

/** The names of the secrets in a connection's options and in its login command. */
const secret: readonly string[] = [
  "password",
  "password1",
  "password2",
  "password3",
  "passwordSha1",
  "ssl",
] satisfies (keyof SecretOptions)[];

/** The methods by which Node, Deno, Bun and JSON get the view of an object that they show. */
const viewNames: readonly PropertyKey[] = ["toJSON", Symbol.for("nodejs.util.inspect.custom")];

/**
 * Keeps an object's secrets out of its printed form. Code can read and copy them as before: code
 * that knows the driver opens further connections by a copy of the options.
 */
export function redact<T extends object>(object: T): T {
  const view = (): object => {
    const shown = Object.entries(object).filter(([name]) => !secret.includes(name));
    return Object.assign(Object.create(Object.getPrototypeOf(object)), Object.fromEntries(shown));
  };
  for (const name of viewNames) {
    Object.defineProperty(object, name, { value: view, enumerable: false, configurable: true });
  }
  return object;
}

/** Keeps the secrets of a new connection, and of its login, out of their printed form. */
export function hideSecrets({ config, _command }: DriverInternals): void {
  redact(config);
  if (_command) redact(_command);
}

/** Keeps the secrets of a command's connection out of its printed form. */
export function hideSecretsOf(command: DriverCommand): void {
  if ("password" in command) redact(command);
  else if (!Object.hasOwn(command, "start")) command.start = startWithoutSecrets;
}

/**
 * Begins a command, and removes the secrets that the driver copies into its options from its
 * connection.
 */
function startWithoutSecrets(this: DriverCommand, ...args: never[]): unknown {
  const prototype: DriverCommand = Object.getPrototypeOf(this);
  const next = prototype.start?.apply(this, args);
  if (this.options) forget(this.options);
  return next;
}

/** Spelt out instead of looped, because it runs for each statement. */
function forget(options: SecretOptions): void {
  if (options.password !== undefined) options.password = undefined;
  if (options.password1 !== undefined) options.password1 = undefined;
  if (options.password2 !== undefined) options.password2 = undefined;
  if (options.password3 !== undefined) options.password3 = undefined;
  if (options.passwordSha1 !== undefined) options.passwordSha1 = undefined;
  if (options.ssl !== undefined) options.ssl = undefined;
}

/** Replaces the text in an error, which contains values, by the text that the caller gave. */
export function withoutValues(error: unknown, sql: string): unknown {
  if (error instanceof Error && "sql" in error) error.sql = sql;
  return error;
}
