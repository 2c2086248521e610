/**
 * The channel on which mysql2's pool tells tracers how long somebody waits for a connection; its
 * other channels are those of its connections, which tell by themselves.
 */

import { tracingChannel } from "node:diagnostics_channel";
import type { ConnectionConfig } from "./internals.ts";

const channel = tracingChannel("mysql2:pool:connect");

/** Tells of a wait for a connection. */
export function traced<T>(config: ConnectionConfig, wait: () => Promise<T>): Promise<T> {
  // Bun tells it of the single channels only.
  if (!(channel.hasSubscribers ?? channel.start.hasSubscribers)) return wait();
  const { database, socketPath, host, port } = config;
  return channel.tracePromise(wait, {
    database: database || "",
    serverAddress: socketPath ?? host,
    serverPort: socketPath === undefined ? port : undefined,
  });
}
