/**
 * What is asked of TLS, by the names of its options. What a runtime's sockets cannot do is
 * refused: nothing is ever less secure than it was asked to be.
 */

import type { Runtime, TlsOptions } from "../port.ts";
import { unsupported } from "./errors.ts";

/**
 * Refuses what is asked beyond `known`.
 *
 * @throws An error with the code `ERR_OPTION_UNSUPPORTED`.
 */
export function refuseUnknown(
  runtime: Runtime,
  options: TlsOptions,
  known: readonly string[],
  advice: string,
): void {
  const unknown = asked(options).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw unsupported(runtime, unknown.map((name) => `\`${name}\``).join(", "), advice);
}

function asked({ isChainVerified, isNameVerified, ca, cert, key, others }: TlsOptions): string[] {
  const names: Readonly<Record<string, boolean>> = {
    "rejectUnauthorized: false": !isChainVerified,
    "verifyIdentity: false": isChainVerified && !isNameVerified,
    ca: ca !== undefined,
    cert: cert !== undefined,
    key: key !== undefined,
  };
  return [...Object.keys(names).filter((name) => names[name]), ...others];
}
