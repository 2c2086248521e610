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

/** Returns the options of the driver, but for its stream and what proves the login. */
export function driverOptionsOf(target: Target): ConnectionOptions {
  const { user, database, charset, address, options } = target;
  const { flags, ssl, infileStreamFactory } = options;
  const { host, port, socketPath } = address;
  const fixed: Record<string, unknown> = {
    maxPreparedStatements: preparedMax,
    ...target.fixedOptions,
  };
  fixed["ssl"] = typeof ssl === "object" ? ownCopyOf(ssl) : ssl || undefined;
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

const ownCopies: WeakMap<object, object> = new WeakMap();

/** The driver writes into the object, and keeps a parsed form of its certificates by identity. */
function ownCopyOf(ssl: object): object {
  const known = ownCopies.get(ssl);
  if (known !== undefined) return known;
  // The driver takes an IP address for "localhost"; names are verified after it.
  const copy = { ...ssl, verifyIdentity: false };
  ownCopies.set(ssl, copy);
  return copy;
}
