/**
 * Sockets of Bun: TCP and unix by Bun.connect, TLS by upgradeTLS.
 *
 * Bun pushes bytes as they arrive, until the stream pauses its socket.
 *
 * What they cannot do: a connect that is under way cannot be called off. A stream that is
 * destroyed meanwhile is gone at once, and its socket is closed when it opens; but if nobody
 * answers, the process does not end before the system gives up (two minutes, as a rule).
 */

import type { Adapter, TlsOptions } from "../port.ts";
import { type Action, codeOf, refuseUnknown, socketError } from "./errors.ts";
import type { Bun, BunHandlers, BunSocket } from "./runtimes.ts";
import { RuntimeStream } from "./stream.ts";

/** Sockets of Bun. */
export const adapter: Adapter = { runtime: "bun", dial: (address) => new BunStream(address) };

/** Returns what this runtime has under its name. */
function bun(): Bun {
  return (globalThis as unknown as { Bun: Bun }).Bun;
}

class BunStream extends RuntimeStream {
  /** Undefined before it is connected, and after it has closed. */
  #socket: BunSocket | undefined;
  #isSecure = false;
  #isPaused = false;
  #localPort: number | undefined;

  /** The TCP port on this side. */
  get localPort(): number | undefined {
    return this.#localPort;
  }

  protected override startReading(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket?.resume();
  }

  protected override stopReading(): void {
    this.#isPaused = true;
    this.#socket?.pause();
  }

  protected override send(bytes: Uint8Array): number {
    const byteCount = this.#socket?.write(bytes) ?? -1;
    if (byteCount >= 0) return byteCount;
    // Later, when the stream has noted whose write it is.
    queueMicrotask(() => this.destroy(this.errorOf(undefined, "write")));
    return 0;
  }

  protected override shutdown(): Promise<void> {
    this.#socket?.shutdown();
    return Promise.resolve();
  }

  protected override async open(signal: AbortSignal): Promise<void> {
    const { host, port, socketPath } = this.address;
    // Or Bun would close a socket at the other side's end, whatever has still to be sent.
    const options = { socket: this.#handlers(signal), allowHalfOpen: true };
    if (socketPath === undefined) await bun().connect({ hostname: host, port, ...options });
    else await bun().connect({ unix: socketPath, ...options });
  }

  protected override secure(options: TlsOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#socket === undefined) throw this.errorOf(undefined, "write");
      this.#socket = upgrade(this.#socket, options, this.#handlers(), (problem) => {
        if (problem === undefined) return resolve();
        // Before the socket tells that it has closed, which would hide why.
        this.close();
        reject(problem);
      });
      this.#isSecure = true;
    });
  }

  protected override close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
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
        if (isOurs(socket)) this.received(bytes);
      },
      drain: (socket) => {
        if (isOurs(socket)) this.sent(0);
      },
      end: (socket) => {
        if (isOurs(socket)) this.receivedEnd();
      },
      error: (socket, error) => {
        if (isOurs(socket)) this.destroy(this.errorOf(error, "read"));
      },
      close: (socket, error) => {
        if (isOurs(socket)) this.#closed(error);
      },
    };
  }

  #opened(socket: BunSocket): void {
    this.#socket = socket;
    const { socketPath, keepAliveMs } = this.address;
    if (socketPath !== undefined) return;
    this.#localPort = socket.localPort;
    socket.setNoDelay(true);
    if (keepAliveMs !== undefined) socket.setKeepAlive(true, keepAliveMs);
  }

  #closed(error: Error | undefined): void {
    this.#socket = undefined;
    if (error !== undefined) return void this.destroy(this.errorOf(error, "read"));
    // Without a socket, the writes that wait fail.
    this.sent(0);
    this.receivedEnd();
  }
}

/** All that Bun does; the rest is known by names only. */
const known: readonly string[] = [
  "rejectUnauthorized: false",
  "verifyIdentity: false",
  "ca",
  "cert",
  "key",
];

/** The codes of a handshake that failed, whatever the certificate. */
const breakdowns: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPROTO"]);

/**
 * Returns the socket that takes the place of `socket` from now on. Calls `shaken` once, with what
 * is wrong with the handshake, if anything is.
 */
function upgrade(
  socket: BunSocket,
  options: TlsOptions,
  handlers: BunHandlers,
  shaken: (problem: Error | undefined) => void,
): BunSocket {
  const { serverName, isChainVerified, isNameVerified, ca, cert, key } = options;
  refuseUnknown("bun", options, known, "take createPool of @sublet/mysql/node, whose sockets do");
  const [, tls] = socket.upgradeTLS({
    tls: {
      serverName,
      // Bun verifies chain and name or neither; if it is to be one of them that is done here.
      rejectUnauthorized: isChainVerified && isNameVerified,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
    socket: {
      ...handlers,
      handshake: (_socket, isTrusted, error) => shaken(problemOf(isTrusted, error, options)),
    },
  });
  return tls;
}

/** Of the name Bun says something only if nothing is wrong with the chain. */
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
