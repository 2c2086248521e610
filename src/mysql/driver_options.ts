/** What the driver is told of a target: its options, and what proves the login. */

import { preparedMax } from "./prepared.ts";
import type { Target } from "./target.ts";
import type { ConnectionOptions, TargetOptions } from "./target_options.ts";

/** What a login proves itself by. */
export interface Credentials {
  /** The password. */
  readonly password: string | undefined;
  /** The password of the second factor. */
  readonly password2: string | undefined;
  /** The password of the third factor. */
  readonly password3: string | undefined;
  /** The digest of the password, instead. */
  readonly passwordSha1: string | undefined;
}

/** Returns what a login proves itself by; asks for the password if that is a function. */
export async function credentialsOf({ options }: Target): Promise<Credentials> {
  const { password: given, password2, password3, passwordSha1 } = options;
  const password = typeof given === "function" ? await given() : given;
  if (password !== undefined && typeof password !== "string") {
    throw new TypeError(`The password function must return a string, not ${typeof password}`);
  }
  return { password, password2, password3, passwordSha1 };
}

/**
 * Returns the options of the driver, but for its stream and what proves the login, with TLS if
 * the target asks for it.
 */
export function driverOptionsOf(target: Target): ConnectionOptions {
  const { user, database, charset, address, options, tls } = target;
  const { flags, infileStreamFactory } = options;
  const { host, port, socketPath } = address;
  const fixed: Record<string, unknown> = {
    maxPreparedStatements: preparedMax,
    ...target.fixedOptions,
  };
  for (const name of ["tls", "allowPublicKeyRetrieval", "maxResultBytes"]) delete fixed[name];
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
    // Whoever opens the session sees to its time.
    connectTimeout: 0,
    trace: false,
  };
}

/** Where LOCAL INFILE is on, a server may ask for any file: it is off unless asked for. */
function flagsOf(flags: TargetOptions["flags"], isInfileWanted: boolean): string[] {
  const list = typeof flags === "string" ? flags.toUpperCase().split(/\s*,+\s*/) : flags ?? [];
  const isOn = isInfileWanted || list.includes("LOCAL_FILES");
  return isOn ? [...list] : [...list, "-LOCAL_FILES"];
}
