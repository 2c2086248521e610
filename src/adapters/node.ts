/**
 * Sockets of Node: TCP and unix, by node:net. The driver itself upgrades them to TLS, by node:tls.
 *
 * `dial` returns a socket before it is connected, so that the caller can destroy it at any moment.
 * A failed connect destroys the socket with its error.
 */

import { connect, type Socket } from "node:net";
import { checkServerIdentity, TLSSocket } from "node:tls";
import type { Adapter, Address, SocketStream } from "../port/socket.ts";

/** Sockets of Node, and of runtimes that implement node:net. */
export const adapter: Adapter = { runtime: "node", dial, identityError };

function dial({ host, port, socketPath, keepAliveMs }: Address): Socket {
  if (socketPath !== undefined) return connect({ path: socketPath });
  return connect({
    host,
    port,
    noDelay: true,
    keepAlive: keepAliveMs !== undefined,
    keepAliveInitialDelay: keepAliveMs ?? 0,
  });
}

function identityError(stream: SocketStream, serverName: string): Error | undefined {
  if (!(stream instanceof TLSSocket)) return new Error("The socket was not upgraded to TLS");
  return checkServerIdentity(serverName, stream.getPeerCertificate());
}
