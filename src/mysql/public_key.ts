/**
 * Keys that a server shows in plain text, for the password to be sent under: they could be
 * anybody's who is on the way. Off this machine they are taken only if the options say so, as in
 * Connector/J; whoever has the server's key gives it to the plugin instead.
 */

import mysql2 from "mysql2";
import type { ConnectionOptions } from "./target_options.ts";

type Plugins = NonNullable<ConnectionOptions["authPlugins"]>;

/** Returns the plugins for a login in plain text, which refuse the key that they are shown. */
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
    "In plain text the server asks for the password under a key that it has just shown, which " +
      "could be anybody's. Use TLS; or give the server's key to the plugin in `authPlugins`; or " +
      "take any key by `allowPublicKeyRetrieval: true`",
  );
}
