/** The upgrade of a socket of Bun to TLS, and what its handshake has to show. */

import type { TlsOptions } from "../port.ts";
import { codeOf } from "./errors.ts";
import type { BunHandlers, BunSocket } from "./runtimes.ts";
import { refuseUnknown } from "./tls_options.ts";

/** All that Bun does; the rest is known by names only. */
const known: readonly string[] = [
  "rejectUnauthorized: false",
  "verifyIdentity: false",
  "ca",
  "cert",
  "key",
];

/** What is said of a handshake that broke down, whatever the certificate. */
const breakdowns: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPROTO"]);

/**
 * Returns the socket that takes the place of `socket`, from now on; `shaken` is told, once, what
 * is wrong with the handshake.
 */
export function upgrade(
  socket: BunSocket,
  options: TlsOptions,
  handlers: BunHandlers,
  shaken: (problem: Error | undefined) => void,
): BunSocket {
  const { serverName, isChainVerified, isNameVerified, ca, cert, key } = options;
  refuseUnknown("bun", options, known, "take createPool of @sublet/mysql/node, whose sockets do");
  const [, tls] = socket.upgradeTLS({
    tls: {
      serverName,
      // Bun verifies chain and name or neither; if it is to be one of them that is done here.
      rejectUnauthorized: isChainVerified && isNameVerified,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
    socket: {
      ...handlers,
      handshake: (_socket, isTrusted, error) => shaken(problemOf(isTrusted, error, options)),
    },
  });
  return tls;
}

/** Of the name Bun says something only if nothing is wrong with the chain. */
function problemOf(
  isTrusted: boolean,
  error: Error | null,
  { isChainVerified, isNameVerified }: TlsOptions,
): Error | undefined {
  if (error === null) return isTrusted ? undefined : new Error("The handshake has failed");
  const code = codeOf(error);
  if (breakdowns.has(code)) return error;
  const isName = code === "ERR_TLS_CERT_ALTNAME_INVALID";
  return (isName ? isNameVerified : isChainVerified) ? error : undefined;
}
