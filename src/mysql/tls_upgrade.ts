/**
 * Upgrades connections to TLS, and has the server's identity verified.
 *
 * The driver alone verifies no name. Sockets of a runtime that can upgrade themselves do so in its
 * place; otherwise the adapter checks the stream that the driver has upgraded, before the driver
 * sends a secret.
 */

import type { Connection } from "mysql2";
import type { Adapter, Address, SocketStream, TlsOptions } from "../port/socket.ts";
import { internalsOf } from "./mysql2_internals.ts";
import { lookAfterUpgrade, upgradeBy } from "./mysql2_patches.ts";
import type { Target } from "./target.ts";
import type { TlsDemand } from "./tls.ts";

/** The TLS settings under the driver's names. */
type DriverTls = Readonly<Record<string, unknown>>;

/** The options of TLS that every adapter knows. */
const common: readonly string[] = ["ca", "cert", "key", "rejectUnauthorized", "verifyIdentity"];

/** Sets up how a new connection is upgraded to TLS, if its target asks for TLS. */
export function secure(
  driver: Connection,
  socket: SocketStream,
  adapter: Adapter,
  target: Target,
): void {
  const internals = internalsOf(driver);
  const given = internals.config.ssl;
  const { tls, address } = target;
  if (!given || tls === undefined) return;
  const options = tlsOptionsOf(given, tls, address, adapter.verifiesAlways === true);
  const upgrade = socket.startTls?.bind(socket);
  if (upgrade !== undefined) return upgradeBy(internals, () => upgrade(options));
  // A resumed TLS session shows no certificate, and the driver keeps sessions by this object.
  if (!options.isNameVerified) return;
  internals.config.ssl = { ...given };
  lookAfterUpgrade(internals, () => adapter.identityError?.(internals.stream, options.serverName));
}

function tlsOptionsOf(
  given: DriverTls,
  tls: TlsDemand,
  { host, socketPath }: Address,
  unlessSaid: boolean,
): TlsOptions {
  const { ca, cert, key } = given;
  const { isChainVerified = unlessSaid, isNameVerified = unlessSaid } = tls;
  return {
    serverName: host,
    isChainVerified,
    isNameVerified: isChainVerified && isNameVerified && socketPath === undefined,
    ca: ca === undefined ? undefined : (Array.isArray(ca) ? ca : [ca]).map(String),
    cert: cert === undefined ? undefined : String(cert),
    key: key === undefined ? undefined : String(key),
    others: Object.keys(given).filter((name) => !common.includes(name) && given[name] != null),
  };
}

/** Returns whether a connect has failed because the two sides did not agree on TLS. */
export function isTlsMissing(error: unknown): error is Error {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "HANDSHAKE_NO_SSL_SUPPORT" || code === "HANDSHAKE_SSL_ERROR";
}

/** Returns such an error, with advice in it if the options do not ask for TLS. */
export function tlsAdvised(error: Error, { options, address }: Target): Error {
  if (options.tls !== undefined || options.ssl !== undefined) return error;
  const advice =
    `${address.host} is a remote host, so the pool requires TLS. Set \`ssl.ca\` to the authority ` +
    'that signed its certificate, `tls: "prefer"` to allow plain text, or `ssl: false` to use it';
  const told = new Error(`${error.message}. ${advice}`, { cause: error });
  return Object.assign(told, { code: "code" in error ? error.code : undefined });
}
