/**
 * Sockets of Bun: TCP and unix by Bun.connect, TLS by upgradeTLS.
 *
 * Bun pushes bytes as they arrive, until the stream pauses its socket.
 *
 * Limit: a connect that is under way cannot be cancelled. A stream that is destroyed meanwhile
 * closes at once, and its socket is closed when it opens. But if the server does not answer, the
 * process stays alive until the system gives up (usually two minutes).
 */

import type { Adapter, TlsOptions } from "../port/socket.ts";
import { type Action, codeOf, refuseUnknown, socketError } from "./errors.ts";
import type { Bun, BunHandlers, BunSocket } from "./runtimes.ts";
import { RuntimeStream } from "./stream.ts";

/** Sockets of Bun. */
export const adapter: Adapter = { runtime: "bun", dial: (address) => new BunStream(address) };

/** Returns the global `Bun`. */
function bun(): Bun {
  return (globalThis as unknown as { Bun: Bun }).Bun;
}

class BunStream extends RuntimeStream {
  /** Undefined before the connect and after the close. */
  #socket: BunSocket | undefined;
  #isSecure = false;
  #isPaused = false;
  #localPort: number | undefined;

  /** The local TCP port. */
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
    // Later: the stream queues this write, with its callback, after `send` has returned.
    queueMicrotask(() => this.destroy(this.errorOf(undefined, "write")));
    return 0;
  }

  protected override shutdown(): Promise<void> {
    this.#socket?.shutdown();
    return Promise.resolve();
  }

  protected override async open(signal: AbortSignal): Promise<void> {
    const { host, port, socketPath } = this.address;
    // Else Bun would close the socket when the server ends, even with bytes still to send.
    const options = { socket: this.#handlers(signal), allowHalfOpen: true };
    if (socketPath === undefined) await bun().connect({ hostname: host, port, ...options });
    else await bun().connect({ unix: socketPath, ...options });
  }

  protected override secure(options: TlsOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#socket === undefined) throw this.errorOf(undefined, "write");
      this.#socket = upgrade(this.#socket, options, this.#handlers(), (problem) => {
        if (problem === undefined) return resolve();
        // Close first: the socket's own `close` event would hide the reason.
        this.close();
        reject(problem);
      });
      this.#isSecure = true;
    });
  }

  protected override close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    // With `end`, TLS would wait for the server.
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

  /** Handles the events of the socket; ignores the raw socket under TLS, which Bun reports, too. */
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
    // There is no socket any more, so the queued writes fail.
    this.sent(0);
    this.receivedEnd();
  }
}

/** The TLS options that this adapter supports; it refuses all others. */
const known: readonly string[] = [
  "rejectUnauthorized: false",
  "verifyIdentity: false",
  "ca",
  "cert",
  "key",
];

/** The codes of a handshake that failed for another reason than the certificate. */
const breakdowns: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPROTO"]);

/**
 * Returns the TLS socket that replaces `socket` from now on. Calls `shaken` once, after the
 * handshake, with its problem if it has one.
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
      // Bun verifies chain and name, or neither; if only one is to be verified, `problemOf` does.
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

/** Returns the problem of a handshake. Bun reports a wrong name only if the chain is valid. */
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
