/**
 * TLS: who has to be on the other side, and who sees to that.
 *
 * The chain and the host name are verified unless the options say that they are not to be. The
 * driver alone verifies no name. Where a runtime's sockets upgrade themselves they take its
 * place; elsewhere what it has upgraded is looked at before anything secret is sent.
 */

import type { Connection } from "mysql2";
import type { Adapter, SocketStream, TlsOptions } from "../port.ts";
import { internalsOf } from "./internals.ts";
import type { Target } from "./target.ts";

/** What is asked of TLS under the driver's names. */
type DriverTls = Readonly<Record<string, unknown>>;

/** The options of TLS that every adapter knows. */
const common: readonly string[] = ["ca", "cert", "key", "rejectUnauthorized", "verifyIdentity"];

/** Lets a connection that was just created be upgraded as its target asks. */
export function secure(
  driver: Connection,
  socket: SocketStream,
  adapter: Adapter,
  target: Target,
): void {
  const internals = internalsOf(driver);
  const given = internals.config.ssl;
  if (!given) return;
  const options = tlsOptionsOf(given, target);
  const upgrade = socket.startTls?.bind(socket);
  if (upgrade !== undefined) {
    internals.startTLS = (done) => {
      upgrade(options).then(() => done(), done);
    };
    return;
  }
  // A session of TLS that is resumed shows no certificate. The driver has them by this object.
  if (options.isNameVerified) internals.config.ssl = { ...given };
  const upgradeByDriver = internals.startTLS.bind(driver);
  internals.startTLS = (done) => {
    upgradeByDriver((error) => {
      if (error || !options.isNameVerified) return done(error);
      done(adapter.identityError?.(internals.stream, options.serverName));
    });
  };
}

function tlsOptionsOf(given: DriverTls, target: Target): TlsOptions {
  const { ca, cert, key, rejectUnauthorized } = given;
  const isChainVerified = rejectUnauthorized !== false;
  return {
    serverName: target.address.host,
    isChainVerified,
    isNameVerified: isChainVerified && target.isNameVerified,
    ca: ca === undefined ? undefined : (Array.isArray(ca) ? ca : [ca]).map(String),
    cert: cert === undefined ? undefined : String(cert),
    key: key === undefined ? undefined : String(key),
    others: Object.keys(given).filter((name) => !common.includes(name) && given[name] != null),
  };
}
