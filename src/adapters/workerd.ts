/**
 * Sockets of Cloudflare Workers: TCP by cloudflare:sockets, TLS by startTls.
 *
 * Limits: there are no unix sockets, no keep-alive, and no process to keep alive. TLS always
 * verifies the chain and the name, with the platform's own authorities, and has no client
 * certificate. Workers do not report why a connect failed, so the code is always EHOSTUNREACH.
 * A connect or a handshake that is under way ends with the request at the latest.
 */

import { Buffer } from "node:buffer";
import type { Adapter, Address, TlsOptions } from "../port/socket.ts";
import { type Action, refuseUnknown, socketError, unsupported } from "./errors.ts";
import { type PullSocket, type PullSockets, PullStream } from "./pull_stream.ts";
import type { WorkerReader, WorkerSocket, WorkerSockets, WorkerWriter } from "./runtimes.ts";

/** Sockets of Cloudflare Workers. */
export const adapter: Adapter = {
  runtime: "workerd",
  verifiesAlways: true,
  dial: (address) => new PullStream(sockets, address),
};

/** Joined at run time, as bundlers would try to resolve a literal name, and find no such module. */
const moduleName: string = ["cloudflare", "sockets"].join(":");

/** The size of a read buffer. */
const memorySize = 64 * 1024;
/** How many bytes one write sends at most. */
const writeSize = 256 * 1024;

const sockets: PullSockets = { connect, errorOf };

async function connect(address: Address, signal: AbortSignal): Promise<PullSocket> {
  const { host, port, socketPath, isSecured } = address;
  if (socketPath !== undefined) {
    throw unsupported("workerd", "unix sockets", "connect to a host and port");
  }
  const module: WorkerSockets = await import(moduleName);
  const socket = module.connect(
    { hostname: host, port },
    { secureTransport: isSecured ? "starttls" : "off", allowHalfOpen: true },
  );
  const connecting = new WorkerdSocket(socket, host);
  const close = (): void => connecting.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    await socket.opened;
    return connecting;
  } catch (error) {
    throw socketError("connect", "EHOSTUNREACH", error, address);
  } finally {
    signal.removeEventListener("abort", close);
  }
}

class WorkerdSocket implements PullSocket {
  #socket: WorkerSocket;
  #reader: WorkerReader;
  #writer: WorkerWriter;
  readonly #host: string;
  /** The buffer for the next read, which detaches it and returns its memory with the bytes. */
  #memory: Uint8Array<ArrayBuffer> = new Uint8Array(memorySize);

  constructor(socket: WorkerSocket, host: string) {
    this.#socket = socket;
    this.#host = host;
    this.#reader = socket.readable.getReader({ mode: "byob" });
    this.#writer = socket.writable.getWriter();
    ignore(socket.closed);
  }

  read(received: (bytes: Buffer | null) => void, failed: (error: unknown) => void): void {
    this.#reader.read(this.#memory).then(
      ({ done, value }) => received(done || value === undefined ? null : this.#taken(value)),
      failed,
    );
  }

  async write(bytes: Uint8Array): Promise<number> {
    const part = bytes.subarray(0, writeSize);
    await this.#writer.write(part);
    return part.length;
  }

  async end(): Promise<void> {
    await this.#writer.close();
  }

  async secure(options: TlsOptions): Promise<void> {
    refuseUnknown("workerd", options, [], "the server has to be one that the platform trusts");
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    // Without `expectedServerHostname`, the platform verifies the name of the host.
    const isHost = options.serverName === this.#host;
    const tls = isHost ? {} : { expectedServerHostname: options.serverName };
    this.#socket = this.#socket.startTls(tls);
    this.#reader = this.#socket.readable.getReader({ mode: "byob" });
    this.#writer = this.#socket.writable.getWriter();
    ignore(this.#socket.closed);
    try {
      await this.#socket.opened;
    } catch (cause) {
      throw new Error("the server, or its certificate, was refused; Workers do not say why", {
        cause,
      });
    }
  }

  /** Returns the bytes of a read: copied if they are few, so that the buffer is used again. */
  #taken(value: Uint8Array<ArrayBuffer>): Buffer {
    const isFull = value.length > memorySize / 2;
    this.#memory = isFull ? new Uint8Array(memorySize) : new Uint8Array(value.buffer);
    return isFull ? Buffer.from(value.buffer, value.byteOffset, value.length) : Buffer.from(value);
  }

  close(): void {
    // Aborting the writer, too, would keep the socket open until the end of the request.
    ignore(this.#socket.close(), this.#reader.cancel());
  }
}

/** Ignores the results of promises: other calls report the same. */
function ignore(...promises: Promise<unknown>[]): void {
  void Promise.allSettled(promises);
}

function errorOf(error: unknown, action: Action): Error {
  // `connect` has already set the code, or the error is a misuse that has no code.
  if (action === "connect") return error instanceof Error ? error : new Error(String(error));
  const isLost = error instanceof Error && error.message.startsWith("Network connection lost");
  return socketError(action, action === "read" || isLost ? "ECONNRESET" : "EPIPE", error);
}
