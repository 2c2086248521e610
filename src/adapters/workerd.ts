/**
 * Sockets of Cloudflare Workers: TCP by cloudflare:sockets, TLS by startTls.
 *
 * What they cannot do: there are no unix sockets, no keep-alive, and nothing that holds a process.
 * TLS always verifies chain and name, by those whom the platform trusts, and has no certificate
 * for the client. Workers do not say why they could not connect, so the code is EHOSTUNREACH
 * whatever the reason. A connect or a handshake that is under way ends with the request at the
 * latest.
 */

import { Buffer } from "node:buffer";
import type { Adapter, Address, TlsOptions } from "../port.ts";
import { type Action, refuseUnknown, socketError, unsupported } from "./errors.ts";
import { type PullSocket, type PullSockets, PullStream } from "./pull_stream.ts";
import type { WorkerReader, WorkerSocket, WorkerSockets, WorkerWriter } from "./runtimes.ts";

/** Sockets of Cloudflare Workers. */
export const adapter: Adapter = {
  runtime: "workerd",
  verifiesAlways: true,
  dial: (address) => new PullStream(sockets, address),
};

/** Put together here, as bundlers would look for a module of this name where there is none. */
const moduleName: string = ["cloudflare", "sockets"].join(":");

/** How much is read at once. */
const memorySize = 64 * 1024;
/** How much is written at once. */
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
  /** What the next read takes away, and gives back with what it has read. */
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
    // The name of the host is what is verified unless another one is given.
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

  /** Returns what has just been read, which holds the memory that it was read into. */
  #taken(value: Uint8Array<ArrayBuffer>): Buffer {
    const isFull = value.length > memorySize / 2;
    this.#memory = isFull ? new Uint8Array(memorySize) : new Uint8Array(value.buffer);
    return isFull ? Buffer.from(value.buffer, value.byteOffset, value.length) : Buffer.from(value);
  }

  close(): void {
    // To abort the writer as well would keep the socket open to the end of the request.
    ignore(this.#socket.close(), this.#reader.cancel());
  }
}

/** Lets promises settle as they like: what they tell is known by other ways. */
function ignore(...promises: Promise<unknown>[]): void {
  void Promise.allSettled(promises);
}

function errorOf(error: unknown, action: Action): Error {
  // What went wrong with a connect has got its code, or is a misuse that has none.
  if (action === "connect") return error instanceof Error ? error : new Error(String(error));
  const isLost = error instanceof Error && error.message.startsWith("Network connection lost");
  return socketError(action, action === "read" || isLost ? "ECONNRESET" : "EPIPE", error);
}
