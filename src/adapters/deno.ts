/**
 * Sockets of Deno: TCP and unix by Deno.connect, TLS by Deno.startTls.
 *
 * Limits: TCP keep-alive starts after the system's time (usually two hours), not after
 * `keepAliveMs`. TLS always verifies the chain, trusts `ca` in addition to Deno's own authorities,
 * has no client certificate and does not run over unix sockets. A handshake that the pool gives up
 * keeps its socket open until the server gives up, too; it does not keep the process alive.
 */

import { Buffer } from "node:buffer";
import type { Adapter, Address, TlsOptions } from "../port/socket.ts";
import { type Action, codeOf, refuseUnknown, socketError, unsupported } from "./errors.ts";
import { type PullSocket, type PullSockets, PullStream } from "./pull_stream.ts";
import type { Deno, DenoConn, DenoTcpConn } from "./runtimes.ts";

/** Sockets of Deno. */
export const adapter: Adapter = {
  runtime: "deno",
  verifiesAlways: true,
  dial: (address) => new PullStream(sockets, address),
};

/** The size of a read buffer. */
const memorySize = 64 * 1024;
/** With less room than this, the next read gets a new buffer. */
const readSizeMin = 16 * 1024;
/** Fewer bytes than this are copied, so that keeping them does not keep the whole buffer. */
const ownSize = 4 * 1024;

/** The codes for errors to which Deno gives no code, by name. */
const codes: Readonly<Record<string, string | undefined>> = {
  InvalidData: "EPROTO",
  NotCapable: "ERR_ACCESS_DENIED",
  UnexpectedEof: "ECONNRESET",
};

/** What to do if an option is not supported. */
const advice = "take createPool of @sublet/mysql/node, whose sockets do";

const sockets: PullSockets = { connect, errorOf };

/** Returns the global `Deno`. */
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
  /** The same connection, if it is TCP and so can be upgraded to TLS. */
  readonly #tcp: DenoTcpConn | undefined;
  #isClosed = false;
  /** The part of the buffer for the next read; the part before it belongs to the reader. */
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
    // From here on only Deno may use the TCP connection, even to close it.
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

  /** Returns the bytes that were just read. */
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

/** Servers close without TLS's close_notify; as in Node, that counts as the end. */
function isEnd(error: unknown): boolean {
  return error instanceof Error && error.name === "UnexpectedEof";
}

function errorOf(error: unknown, action: Action, address: Address): Error {
  const code = codeIn(error);
  const original = error instanceof Error ? error : new Error(String(error));
  if (code === undefined) return original;
  // Deno's own message names the missing permission.
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
