/** The sockets of the runtime that runs the tests, and helpers for their streams. */

import { adapterOf, findRuntime } from "../../../src/adapters/runtime.ts";
import type {
  Adapter,
  Address,
  Runtime,
  SocketStream,
  TlsOptions,
} from "../../../src/port/socket.ts";

/** The runtime that runs the tests. */
export const runtime: Runtime | undefined = findRuntime();

/** The adapter of its sockets. */
export const adapter: Adapter = adapterOf(runtime);

/** Why to skip a test of `startTls`; false if it runs. */
export const skipsTls: string | false = runtime === "node" &&
  "the driver upgrades the sockets of Node by itself";

/** Begins to connect to a port of this machine, or to another address. */
export function dial(to: number | Partial<Address>): SocketStream {
  return adapter.dial({
    host: "127.0.0.1",
    port: 0,
    socketPath: undefined,
    keepAliveMs: undefined,
    isSecured: false,
    ...(typeof to === "number" ? { port: to } : to),
  });
}

/** The default TLS options. */
export const plainTls: TlsOptions = {
  serverName: "localhost",
  isChainVerified: true,
  isNameVerified: true,
  ca: undefined,
  cert: undefined,
  key: undefined,
  others: [],
};

/** The properties of a socket's error. */
export interface SocketError extends Error {
  /** The error code. */
  readonly code?: string;
  /** The operation that failed. */
  readonly syscall?: string;
  /** The IP address, or the path of a unix socket. */
  readonly address?: string;
  /** The port. */
  readonly port?: number;
  /** The host name of a failed lookup. */
  readonly hostname?: string;
}

/** Fulfilled when a stream has closed, with its error if it had one. */
export function closing(stream: SocketStream): Promise<SocketError | undefined> {
  const errors: SocketError[] = [];
  stream.on("error", (error: SocketError) => errors.push(error));
  return new Promise((resolve) => stream.on("close", () => resolve(errors[0])));
}

/** Reads a stream to its end, keeping each chunk as the stream emitted it. */
export async function readAll(stream: SocketStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const error = await closing(stream);
  if (error !== undefined) throw error;
  return Buffer.concat(chunks);
}

/** Returns pseudo-random bytes. */
export function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
