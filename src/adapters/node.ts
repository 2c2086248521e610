/**
 * Sockets of Node: TCP and unix, by node:net. The driver upgrades them to TLS by itself.
 *
 * A socket is returned before it is connected, so that whoever asked for it can destroy it at
 * any moment; what goes wrong then destroys it with its error.
 */

import { connect, type Socket } from "node:net";
import type { Adapter, Address } from "../port.ts";

/** Sockets of Node, and of what is like it. */
export const adapter: Adapter = { runtime: "node", dial };

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
