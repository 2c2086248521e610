/**
 * Resolves the two options of a target for TLS to one demand.
 *
 * `tls` says how strict to be; `ssl` has the settings, under the driver's names. The connection to
 * a server on another machine is encrypted unless the options allow plain text.
 */

import { isLoopback } from "./loopback.ts";
import type { TargetOptions } from "./target_options.ts";
import { TargetOptionError } from "./target_rules.ts";

/** What a target asks of TLS; a target without a demand uses no TLS. */
export interface TlsDemand {
  /** Whether the connection goes on in plain text if TLS is not available. */
  readonly isOptional: boolean;
  /** Whether a trusted authority must have signed; undefined: the runtime's default. */
  readonly isChainVerified: boolean | undefined;
  /** Whether the certificate must be for the host's name; undefined: the runtime's default. */
  readonly isNameVerified: boolean | undefined;
  /** The settings for the driver, which writes into them. */
  readonly ssl: object | string;
}

type SslOptions = Exclude<TargetOptions["ssl"], string | false | undefined>;

/** Returns settings as a plain object, with what is inherited or not enumerable. */
export function settingsOf(ssl: object): object {
  const settings: Record<string, unknown> = {};
  let at: object | null = ssl;
  for (; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (name !== "constructor") settings[name] ??= Reflect.get(ssl, name);
    }
  }
  return settings;
}

/** Returns whether a server counts as being on this machine. */
export function isLocal({ host, socketPath }: TargetOptions): boolean {
  return Boolean(socketPath) || !host || isLoopback(host);
}

/**
 * Returns what a target asks of TLS; undefined if it asks for none.
 *
 * @throws {TargetOptionError} If the two options contradict each other.
 */
export function tlsDemandOf(options: TargetOptions): TlsDemand | undefined {
  const { tls, ssl: means } = options;
  if (means === false && tls !== undefined) {
    throw new TargetOptionError("tls", tls, "left out where ssl is false");
  }
  const isAskedFor = tls !== undefined || Boolean(means);
  if (means === false || !isAskedFor && isLocal(options)) return undefined;
  // `ssl` without `tls` asks for full verification.
  const isStrict = tls === "verify" || tls === undefined && Boolean(means);
  const ssl: SslOptions = typeof means === "object" ? settingsOf(means) : {};
  if (tls === "verify" && ssl.rejectUnauthorized === false) {
    throw new TargetOptionError("ssl.rejectUnauthorized", false, "left out where tls is verify");
  }
  // A profile has its own authorities; a name in a certificate proves nothing without its chain.
  const mustVerifyChain = ssl.ca !== undefined || typeof means === "string" ||
    ssl.verifyIdentity === true;
  const isChainVerified = ssl.rejectUnauthorized ?? (isStrict || mustVerifyChain || undefined);
  return {
    isOptional: tls === "prefer",
    isChainVerified,
    isNameVerified: ssl.verifyIdentity ?? (isStrict || undefined),
    ssl: typeof means === "string" ? means : {
      ...ssl,
      rejectUnauthorized: isChainVerified === true,
      // The driver takes an IP address for "localhost"; tls_upgrade.ts sees to names after it.
      verifyIdentity: false,
    },
  };
}
