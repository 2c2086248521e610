/**
 * A new login on an open connection (COM_CHANGE_USER), around the driver's own: that keeps the
 * former password or database where the new login has none, and has nobody listen when a
 * plugin of authentication fails.
 */

import { EventEmitter } from "node:events";
import type { DriverInternals } from "./internals.ts";
import type { Credentials, Target } from "./target.ts";

/** Logs in as a target says. */
export function login(
  driver: DriverInternals,
  target: Target,
  credentials: Credentials,
): Promise<void> {
  const { config } = driver;
  config.user = target.user;
  config.database = target.database;
  config.password = credentials.password;
  config.password2 = credentials.password2;
  config.password3 = credentials.password3;
  config.passwordSha1 = credentials.passwordSha1;
  return new Promise((resolve, reject) => {
    const answer = (error: unknown): void => error ? reject(error) : resolve();
    const command = driver.changeUser({ charset: target.charset }, answer);
    if (command instanceof EventEmitter) command.on("error", reject);
  });
}
