/**
 * Sockets of Deno: TCP and unix by Deno.connect, TLS by Deno.startTls.
 *
 * What they cannot do: TCP's keep-alive asks after the time that the system says (two hours, as
 * a rule), not after `keepAliveMs`. TLS always verifies the chain, trusts `ca` besides those whom
 * Deno trusts, has no certificate for the client and does not run over unix sockets. A handshake
 * that is given up keeps its socket open, though no process, until the server gives it up, too.
 */

import { Buffer } from "node:buffer";
import type { Adapter, Address, TlsOptions } from "../port.ts";
import { type Action, codeOf, refuseUnknown, socketError, unsupported } from "./errors.ts";
import { type PullSocket, type PullSockets, PullStream } from "./pull_stream.ts";
import type { Deno, DenoConn, DenoTcpConn } from "./runtimes.ts";

/** Sockets of Deno. */
export const adapter: Adapter = {
  runtime: "deno",
  verifiesAlways: true,
  dial: (address) => new PullStream(sockets, address),
};

/** How much memory is taken at once. */
const memorySize = 64 * 1024;
/** With how much room in it a read is still worth while. */
const readSizeMin = 16 * 1024;
/** Up to what size bytes get memory of their own, so that who keeps them keeps no more. */
const ownSize = 4 * 1024;

/** The codes of errors that Deno gives none, by their names. */
const codes: Readonly<Record<string, string | undefined>> = {
  InvalidData: "EPROTO",
  NotCapable: "ERR_ACCESS_DENIED",
  UnexpectedEof: "ECONNRESET",
};

/** What to do where they do not suffice. */
const advice = "take createPool of @sublet/mysql/node, whose sockets do";

const sockets: PullSockets = { connect, errorOf };

/** Returns what this runtime has under its name. */
function deno(): Deno {
  return (globalThis as unknown as { Deno: Deno }).Deno;
}

async function connect(address: Address, signal: AbortSignal): Promise<PullSocket> {
  const { host, port, socketPath, keepAliveMs } = address;
  if (socketPath !== undefined) {
    return new DenoSocket(await deno().connect({ transport: "unix", path: socketPath }));
  }
  const tcp = await deno().connect({ hostname: host, port, signal });
  tcp.setNoDelay(true);
  tcp.setKeepAlive(keepAliveMs !== undefined);
  return new DenoSocket(tcp, tcp);
}

class DenoSocket implements PullSocket {
  readonly localPort: number | undefined;
  #conn: DenoConn | undefined;
  /** The same, if it can be upgraded to TLS. */
  readonly #tcp: DenoTcpConn | undefined;
  #isClosed = false;
  /** Where the next bytes are read to; what has been read before it is others' by now. */
  #memory: Uint8Array<ArrayBuffer> = new Uint8Array(memorySize);

  constructor(conn: DenoConn, tcp?: DenoTcpConn) {
    this.#conn = conn;
    this.#tcp = tcp;
    this.localPort = tcp?.localAddr.port;
  }

  read(received: (bytes: Buffer | null) => void, failed: (error: unknown) => void): void {
    this.#open.read(this.#memory).then(
      (length) => received(length === null ? null : this.#taken(length)),
      (error) => isEnd(error) ? received(null) : failed(error),
    );
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#open.write(bytes);
  }

  async end(): Promise<void> {
    await this.#open.closeWrite();
  }

  async secure(options: TlsOptions): Promise<void> {
    refuseUnknown("deno", options, ["ca", "verifyIdentity: false"], advice);
    const tcp = this.#tcp;
    if (tcp === undefined) throw unsupported("deno", "TLS over a unix socket", advice);
    // From here on it is Deno's, even to close.
    this.#conn = undefined;
    const tls = await deno().startTls(tcp, {
      hostname: options.serverName,
      ...(options.ca === undefined ? {} : { caCerts: [...options.ca] }),
      ...(options.isNameVerified ? {} : { unsafelyDisableHostnameVerification: true }),
    });
    this.#conn = tls;
    if (this.#isClosed) tls.close();
    await tls.handshake();
  }

  close(): void {
    this.#isClosed = true;
    this.#conn?.close();
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#conn?.ref();
    else this.#conn?.unref();
  }

  /** Returns what has just been read. */
  #taken(length: number): Buffer {
    const memory = this.#memory;
    if (length < ownSize) return Buffer.from(memory.subarray(0, length));
    const isSpent = memory.length - length < readSizeMin;
    this.#memory = isSpent ? new Uint8Array(memorySize) : memory.subarray(length);
    return Buffer.from(memory.buffer, memory.byteOffset, length);
  }

  get #open(): DenoConn {
    if (this.#conn === undefined) throw new Error("The connection is being upgraded to TLS");
    return this.#conn;
  }
}

/** Servers close without the farewell of TLS; Node takes that for the end, too. */
function isEnd(error: unknown): boolean {
  return error instanceof Error && error.name === "UnexpectedEof";
}

function errorOf(error: unknown, action: Action, address: Address): Error {
  const code = codeIn(error);
  const original = error instanceof Error ? error : new Error(String(error));
  if (code === undefined) return original;
  // What permission is missing is for the message to say.
  if (code === "ERR_ACCESS_DENIED") return Object.assign(original, { code });
  return socketError(action, code, error, action === "connect" ? address : undefined);
}

function codeIn(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (/^failed to lookup address/.test(error.message)) {
    return /temporary/i.test(error.message) ? "EAI_AGAIN" : "ENOTFOUND";
  }
  return codeOf(error) ?? codes[error.name];
}
