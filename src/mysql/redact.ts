/**
 * What the driver would tell of secrets: it keeps passwords and keys where whoever prints a
 * connection sees them, and writes values into the text of a statement that failed.
 */

import type { DriverCommand, DriverInternals, SecretOptions } from "./mysql2_internals.ts";

/** The options of a connection, and what a login makes of them, that nobody else may see. */
const secret: readonly string[] = [
  "password",
  "password1",
  "password2",
  "password3",
  "passwordSha1",
  "ssl",
] satisfies (keyof SecretOptions)[];

/** Under these names Node, Deno and Bun, and JSON, find what they show of an object. */
const viewNames: readonly PropertyKey[] = ["toJSON", Symbol.for("nodejs.util.inspect.custom")];

/**
 * Keeps the secrets of an object out of what is printed of it. They can be read and copied as
 * before, as code that knows the driver opens further connections by a copy of its options.
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

/** Keeps the secrets of a new connection, and of its login, out of what is printed of it. */
export function hideSecrets({ config, _command }: DriverInternals): void {
  redact(config);
  if (_command) redact(_command);
}

/** Keeps the secrets of its connection out of what is printed of a command. */
export function hideSecretsOf(command: DriverCommand): void {
  if ("password" in command) redact(command);
  else if (!Object.hasOwn(command, "start")) command.start = startWithoutSecrets;
}

/** Begins a statement, whose options the driver completes by a copy of those of its connection. */
function startWithoutSecrets(this: DriverCommand, ...args: never[]): unknown {
  const prototype: DriverCommand = Object.getPrototypeOf(this);
  const next = prototype.start?.apply(this, args);
  if (this.options) forget(this.options);
  return next;
}

/** Spelt out, as it is done for each statement. */
function forget(options: SecretOptions): void {
  if (options.password !== undefined) options.password = undefined;
  if (options.password1 !== undefined) options.password1 = undefined;
  if (options.password2 !== undefined) options.password2 = undefined;
  if (options.password3 !== undefined) options.password3 = undefined;
  if (options.passwordSha1 !== undefined) options.passwordSha1 = undefined;
  if (options.ssl !== undefined) options.ssl = undefined;
}

/** Puts the text that was given in the place of the one that has values in it. */
export function withoutValues(error: unknown, sql: string): unknown {
  if (error instanceof Error && "sql" in error) error.sql = sql;
  return error;
}
