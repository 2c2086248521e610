/** The sockets of the runtime that runs the tests, and what tests ask of their streams. */

import { adapterOf, findRuntime } from "../../../src/adapters/runtime.ts";
import type { Adapter, Address, Runtime, SocketStream, TlsOptions } from "../../../src/port.ts";

/** Which runtime this is. */
export const runtime: Runtime | undefined = findRuntime();

/** Its sockets. */
export const adapter: Adapter = adapterOf(runtime);

/** Why a test of `startTls` is skipped, where it is. */
export const skipsTls: string | false = runtime === "node" &&
  "the driver upgrades the sockets of Node by itself";

/** Begins to connect to a port of this machine, or to what else is given. */
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

/** What is asked of TLS by who asks for nothing. */
export const plainTls: TlsOptions = {
  serverName: "localhost",
  isChainVerified: true,
  isNameVerified: true,
  ca: undefined,
  cert: undefined,
  key: undefined,
  others: [],
};

/** What an error of a socket has. */
export interface SocketError extends Error {
  /** Its name. */
  readonly code?: string;
  /** What was being done. */
  readonly syscall?: string;
  /** Where to. */
  readonly address?: string;
  /** Which port. */
  readonly port?: number;
  /** Who was looked up. */
  readonly hostname?: string;
}

/** Fulfilled when a stream has closed, with its error if it had one. */
export function closing(stream: SocketStream): Promise<SocketError | undefined> {
  const errors: SocketError[] = [];
  stream.on("error", (error: SocketError) => errors.push(error));
  return new Promise((resolve) => stream.on("close", () => resolve(errors[0])));
}

/** Reads a stream to its end, keeping each chunk as it was handed over. */
export async function readAll(stream: SocketStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const error = await closing(stream);
  if (error !== undefined) throw error;
  return Buffer.concat(chunks);
}

/** Returns bytes of which none tells the next one. */
export function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
