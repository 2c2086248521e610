/**
 * A new login on an open connection (COM_CHANGE_USER), around the driver's own: that keeps the
 * former password or database where the new login has none, and has nobody listen when a
 * plugin of authentication fails.
 */

import { EventEmitter } from "node:events";
import { credentialsOf } from "./driver_options.ts";
import { answered, type DriverInternals } from "./mysql2_internals.ts";
import type { Target } from "./target.ts";

/** Logs in as a target says. */
export async function login(driver: DriverInternals, target: Target): Promise<void> {
  const credentials = await credentialsOf(target);
  // MariaDB lets a user who has no default role keep the role of the one before.
  if (driver._isMariaDB) await answered((answer) => driver.query("SET ROLE NONE", answer));
  const { config } = driver;
  config.user = target.user;
  config.database = target.database;
  config.password = credentials.password;
  config.password2 = credentials.password2;
  config.password3 = credentials.password3;
  config.passwordSha1 = credentials.passwordSha1;
  await answered((answer) => {
    const command = driver.changeUser({ charset: target.charset }, answer);
    if (command instanceof EventEmitter) command.on("error", answer);
  });
}
