/**
 * What a target asks of TLS: two options, resolved to one demand.
 *
 * `tls` says how strict to be, `ssl` by what means, under the driver's names. A server that is
 * not on this machine is spoken to encrypted unless it is said that it need not be.
 */

import type { TargetOptions } from "./target_options.ts";
import { TargetOptionError } from "./target_rules.ts";

/** What is asked of TLS; none is asked for where there is no demand. */
export interface TlsDemand {
  /** Whether it goes on in plain text where there is no TLS to be had. */
  readonly isOptional: boolean;
  /** Whether somebody who is trusted has to have signed; as the runtime likes unless said. */
  readonly isChainVerified: boolean | undefined;
  /** Whether the certificate has to be for the name of the host; likewise. */
  readonly isNameVerified: boolean | undefined;
  /** What the driver is told, which writes into it. */
  readonly ssl: object | string;
}

/** Hosts of this machine, and Hyperdrive, which is inside Cloudflare's and has no TLS. */
const localHost = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|[^.]+\.hyperdrive\.local)$/i;

/** Tells whether what is sent to a server does not leave this machine. */
export function isLocal({ host, socketPath }: TargetOptions): boolean {
  return Boolean(socketPath) || !host || localHost.test(host);
}

/**
 * Returns what a target asks of TLS, if it asks for it.
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
  // Who names means and no more wants them used to the full.
  const isStrict = tls === "verify" || tls === undefined && Boolean(means);
  const ssl = typeof means === "object" ? means : {};
  if (tls === "verify" && ssl.rejectUnauthorized === false) {
    throw new TargetOptionError("ssl.rejectUnauthorized", false, "left out where tls is verify");
  }
  // The name of a profile stands for its authorities; a name that nobody vouches for says nothing.
  const sawReport = ssl.ca !== undefined || typeof means === "string" ||
    ssl.verifyIdentity === true;
  const isChainVerified = ssl.rejectUnauthorized ?? (isStrict || sawReport || undefined);
  return {
    isOptional: tls === "prefer",
    isChainVerified,
    isNameVerified: ssl.verifyIdentity ?? (isStrict || undefined),
    ssl: typeof means === "string" ? means : {
      ...ssl,
      rejectUnauthorized: isChainVerified === true,
      // The driver takes an IP address for "localhost"; names are verified after it.
      verifyIdentity: false,
    },
  };
}
