/**
 * The rules of a login: how much a server may send before it is done, under which key the driver
 * may send the password, and what a new login on an open connection clears of the former user.
 */

import { EventEmitter } from "node:events";
import mysql2 from "mysql2";
import { credentialsOf } from "./driver_options.ts";
import { answered, type DriverInternals } from "./mysql2_internals.ts";
import type { Target } from "./target.ts";
import type { ConnectionOptions } from "./target_options.ts";

/**
 * Logs in to a target on an open connection (COM_CHANGE_USER). The driver's own method keeps the
 * former password or database where the new login has none, and has no listener when an
 * authentication plugin fails.
 */
export async function login(driver: DriverInternals, target: Target): Promise<void> {
  const credentials = await credentialsOf(target);
  // On MariaDB, a user without a default role would keep the role of the former user.
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

/**
 * Much more than any login takes: an honest server sends a few kilobytes. Without a limit, the
 * driver would keep an endless answer in memory for as long as a connect may take.
 */
const loginBytesMax = 1_000_000;

/** Returns a function that counts bytes, and calls `exceeded` when there are too many. */
export function loginCounter(exceeded: (error: Error) => void): (chunk: Uint8Array) => void {
  let bytes = 0;
  return (chunk) => {
    bytes += chunk.length;
    if (bytes <= loginBytesMax) return;
    exceeded(new Error(`The server sent more than ${loginBytesMax} bytes before the login`));
  };
}

type Plugins = NonNullable<ConnectionOptions["authPlugins"]>;

/**
 * Returns the authentication plugins for a login in plain text, which refuse the public key that
 * the server sends: anybody on the way could have sent it. From another machine, the driver takes
 * such a key only if the options say so, as in Connector/J; a caller who has the server's key gives
 * it to the plugin instead.
 */
export function refusingKeys(given: Plugins | undefined): Plugins {
  const { caching_sha2_password, sha256_password } = mysql2.authPlugins;
  const options = { onServerPublicKey: refuse };
  return {
    caching_sha2_password: caching_sha2_password(options),
    sha256_password: sha256_password(options),
    ...given,
  };
}

function refuse(): never {
  throw new Error(
    "The connection is not encrypted, and the server asks for the password under a public key " +
      "that it has just sent, which may be an attacker's. Use TLS; or give the server's key to " +
      "the plugin in `authPlugins`; or accept any key by `allowPublicKeyRetrieval: true`",
  );
}
