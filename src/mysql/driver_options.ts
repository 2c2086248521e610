/** What the driver gets from a target: its options and the credentials of the login. */

import { bigIntegerOptionsOf } from "./big_integers.ts";
import { preparedMax } from "./prepared.ts";
import type { Target } from "./target.ts";
import type { ConnectionOptions, TargetOptions } from "./target_options.ts";

/** The credentials of a login. */
export interface Credentials {
  /** The password. */
  readonly password: string | undefined;
  /** The password of the second factor. */
  readonly password2: string | undefined;
  /** The password of the third factor. */
  readonly password3: string | undefined;
  /** The digest of the password, instead of the password. */
  readonly passwordSha1: string | undefined;
}

/** Returns the credentials of a login; calls the password option if that is a function. */
export async function credentialsOf({ options }: Target): Promise<Credentials> {
  const { password: given, password2, password3, passwordSha1 } = options;
  const password = typeof given === "function" ? await given() : given;
  if (password !== undefined && typeof password !== "string") {
    throw new TypeError(`The password function must return a string, not ${typeof password}`);
  }
  return { password, password2, password3, passwordSha1 };
}

/**
 * Returns the options of the driver, except its stream and the credentials, with TLS if the target
 * asks for it.
 */
export function driverOptionsOf(target: Target): ConnectionOptions {
  const { user, database, charset, address, options, tls } = target;
  const { flags, infileStreamFactory } = options;
  const { host, port, socketPath } = address;
  const fixed: Record<string, unknown> = {
    maxPreparedStatements: preparedMax,
    ...target.fixedOptions,
  };
  for (const name of ["tls", "allowPublicKeyRetrieval", "maxResultBytes", "bigint"]) {
    delete fixed[name];
  }
  Object.assign(fixed, bigIntegerOptionsOf(options));
  fixed["ssl"] = tls?.ssl;
  fixed["flags"] = flagsOf(flags, infileStreamFactory !== undefined);
  return {
    ...fixed,
    ...(user === undefined ? {} : { user }),
    ...(database === undefined ? {} : { database }),
    ...(socketPath === undefined ? {} : { socketPath }),
    host,
    port,
    charset,
    // The code that opens the session has a timeout of its own.
    connectTimeout: 0,
    trace: false,
  };
}

/**
 * With LOCAL INFILE on, a server may ask for any file: so it is off unless the options ask for it.
 */
function flagsOf(flags: TargetOptions["flags"], isInfileWanted: boolean): string[] {
  const list = typeof flags === "string" ? flags.toUpperCase().split(/\s*,+\s*/) : flags ?? [];
  const isOn = isInfileWanted || list.includes("LOCAL_FILES");
  return isOn ? [...list] : [...list, "-LOCAL_FILES"];
}
