/**
 * Sockets of Bun: TCP and unix by Bun.connect, TLS by upgradeTLS.
 *
 * Bun hands bytes over as they come, until it is told to pause, and takes as many as go now.
 *
 * What they cannot do: a connect that is under way cannot be called off. A stream that is
 * destroyed meanwhile is gone at once, and its socket is closed when it opens; but if nobody
 * answers, the process does not end before the system gives up (two minutes, as a rule).
 */

import type { Buffer } from "node:buffer";
import type { Adapter, Address, SocketStream, TlsOptions } from "../port.ts";
import { type Action, codeOf, socketError, unsupported } from "./errors.ts";
import type { Bun, BunHandlers, BunSocket } from "./runtimes.ts";
import { RuntimeStream } from "./stream.ts";

/** Sockets of Bun. */
export const adapter: Adapter = { runtime: "bun", dial };

/** What is said of a handshake that broke down, whatever the certificate. */
const breakdowns: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPROTO"]);

type Done = (error?: Error) => void;

function dial(address: Address): SocketStream {
  return new BunStream(address);
}

/** Returns what this runtime has under its name. */
function bun(): Bun {
  return (globalThis as unknown as { Bun: Bun }).Bun;
}

class BunStream extends RuntimeStream {
  /** Undefined before it is connected, and after it has closed. */
  #socket: BunSocket | undefined;
  #isSecure = false;
  #isPaused = false;
  /** What of a write has still to be sent, and who waits for that. */
  #rest: { readonly bytes: Uint8Array; readonly done: Done } | undefined;
  /** Takes the outcome of the handshake of TLS. */
  #shaken: ((isTrusted: boolean, error: Error | null) => void) | undefined;

  override _read(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket?.resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: Done): void {
    this.#send(bytes, done);
  }

  override _final(done: Done): void {
    this.#socket?.shutdown();
    done();
  }

  protected override async open(signal: AbortSignal): Promise<void> {
    const { host, port, socketPath } = this.address;
    const socket = this.#handlers(signal);
    if (socketPath === undefined) await bun().connect({ hostname: host, port, socket });
    else await bun().connect({ unix: socketPath, socket });
  }

  protected override async secure(options: TlsOptions): Promise<void> {
    const { serverName, isChainVerified, isNameVerified, ca, cert, key, others } = options;
    if (others.length > 0) {
      throw unsupported("bun", others, "take createPool of @sublet/mysql/node, whose sockets do");
    }
    if (this.#socket === undefined) throw this.errorOf(undefined, "write");
    const shaken = Promise.withResolvers<void>();
    this.#shaken = (isTrusted, error) => {
      const problem = problemOf(isTrusted, error, options);
      if (problem === undefined) return shaken.resolve();
      this.close();
      shaken.reject(problem);
    };
    [, this.#socket] = this.#socket.upgradeTLS({
      tls: {
        serverName,
        // Bun verifies both or neither; what is left of it is done above.
        rejectUnauthorized: isChainVerified && isNameVerified,
        ...(ca === undefined ? {} : { ca: [...ca] }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      },
      socket: this.#handlers(),
    });
    this.#isSecure = true;
    await shaken.promise;
  }

  protected override close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#rest = undefined;
    // By `end`, TLS would wait for the other side.
    if (this.#isSecure) socket?.terminate();
    else socket?.end();
  }

  protected override hold(isHeld: boolean): void {
    if (isHeld) this.#socket?.ref();
    else this.#socket?.unref();
  }

  protected override errorOf(error: unknown, action: Action): Error {
    const code = codeOf(error) ?? (action === "write" ? "EPIPE" : "ECONNRESET");
    return socketError(action, code, error, action === "connect" ? this.address : undefined);
  }

  /** What Bun tells of its socket; of what was upgraded to TLS it tells still, but in cipher. */
  #handlers(signal?: AbortSignal): BunHandlers {
    const isOurs = (socket: BunSocket): boolean => socket === this.#socket;
    return {
      open: (socket) => {
        if (signal?.aborted) socket.end();
        else if (this.#socket === undefined) this.#opened(socket);
      },
      data: (socket, bytes) => {
        if (isOurs(socket)) this.#received(socket, bytes);
      },
      drain: (socket) => {
        if (isOurs(socket)) this.#sendRest();
      },
      end: (socket) => {
        if (isOurs(socket)) this.push(null);
      },
      error: (socket, error) => {
        if (isOurs(socket)) this.destroy(this.errorOf(error, "read"));
      },
      close: (socket, error) => {
        if (isOurs(socket)) this.#closed(error);
      },
      handshake: (_socket, isTrusted, error) => this.#shaken?.(isTrusted, error),
    };
  }

  #opened(socket: BunSocket): void {
    this.#socket = socket;
    const { socketPath, keepAliveMs } = this.address;
    if (socketPath !== undefined) return;
    socket.setNoDelay(true);
    if (keepAliveMs !== undefined) socket.setKeepAlive(true, keepAliveMs);
  }

  #received(socket: BunSocket, bytes: Uint8Array): void {
    if (this.push(bytes)) return;
    this.#isPaused = true;
    socket.pause();
  }

  #closed(error: Error | undefined): void {
    this.#socket = undefined;
    if (error !== undefined) return void this.destroy(this.errorOf(error, "read"));
    this.#sendRest();
    this.push(null);
  }

  #send(bytes: Uint8Array, done: Done): void {
    const sent = this.#socket?.write(bytes) ?? -1;
    if (sent === bytes.length) done();
    else if (sent < 0) done(this.errorOf(undefined, "write"));
    else this.#rest = { bytes: bytes.subarray(sent), done };
  }

  #sendRest(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#send(rest.bytes, rest.done);
  }
}

/** Returns why a handshake is not good enough; Bun says of the chain first, then of the name. */
function problemOf(
  isTrusted: boolean,
  error: Error | null,
  { isChainVerified, isNameVerified }: TlsOptions,
): Error | undefined {
  if (error === null) return isTrusted ? undefined : new Error("The handshake has failed");
  const code = codeOf(error);
  if (breakdowns.has(code)) return error;
  const isName = code === "ERR_TLS_CERT_ALTNAME_INVALID";
  return (isName ? isNameVerified : isChainVerified) ? error : undefined;
}
