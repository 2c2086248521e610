/**
 * The stream of a socket that must be asked for bytes, as the sockets of Deno and Workers must.
 *
 * One read is under way at a time, and the next read begins before the reader gets the bytes of
 * the last one. But a socket cannot be upgraded to TLS during a read. So before the upgrade, the
 * reader gets the bytes first, and has time to start the upgrade.
 */

import type { Buffer } from "node:buffer";
import type { Address, TlsOptions } from "../port/socket.ts";
import type { Action } from "./errors.ts";
import { RuntimeStream } from "./stream.ts";

/** A connected socket that must be asked for bytes. */
export interface PullSocket {
  /** The local TCP port, if the runtime tells it. */
  readonly localPort?: number | undefined;
  /**
   * Reads once. Calls `received` with the bytes, whose memory belongs to the caller from then on,
   * or with null at the end. Calls `failed` on an error.
   */
  read(received: (bytes: Buffer | null) => void, failed: (error: unknown) => void): void;
  /** Writes some of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Tells the server that nothing more will be written. */
  end(): Promise<void>;
  /** Upgrades the socket to TLS. */
  secure(options: TlsOptions): Promise<void>;
  /** Closes the socket at once, even during a read or a write. */
  close(): void;
  /** Sets whether the socket keeps the process alive, if the runtime supports that. */
  hold?(isHeld: boolean): void;
}

/** A runtime whose sockets must be asked for bytes. */
export interface PullSockets {
  /** Connects; `signal` cancels the connect. */
  connect(address: Address, signal: AbortSignal): Promise<PullSocket>;
  /** Returns an error in Node's form. */
  errorOf(error: unknown, action: Action, address: Address): Error;
}

/** The stream of a socket that must be asked for bytes. */
export class PullStream extends RuntimeStream {
  readonly #sockets: PullSockets;
  #socket: PullSocket | undefined;
  #isReading = false;
  /** Whether the upgrade to TLS is still to come. */
  #isPlain: boolean;
  #isUpgrading = false;
  readonly #onRead = (bytes: Buffer | null): void => this.#read(bytes);
  readonly #onReadFailed = (error: unknown): void => this.#failed(error, "read");
  readonly #onSent = (byteCount: number): void => this.sent(byteCount);
  readonly #onSendFailed = (error: unknown): void => this.#failed(error, "write");

  /** Begins to connect. */
  constructor(sockets: PullSockets, address: Address) {
    super(address);
    this.#sockets = sockets;
    this.#isPlain = address.isSecured;
  }

  /** The local TCP port. */
  get localPort(): number | undefined {
    return this.#socket?.localPort;
  }

  /** Upgrades the socket to TLS; the stream reads nothing meanwhile. */
  override async startTls(options: TlsOptions): Promise<void> {
    this.#isUpgrading = true;
    await super.startTls(options);
    this.#isUpgrading = false;
    this.#isPlain = false;
    this.startReading();
  }

  protected override async open(signal: AbortSignal): Promise<void> {
    const socket = await this.#sockets.connect(this.address, signal);
    if (signal.aborted) socket.close();
    else this.#socket = socket;
  }

  protected override startReading(): void {
    if (this.#socket === undefined || this.#isReading || this.#isUpgrading) return;
    if (!this.isFlowing) return;
    this.#isReading = true;
    this.#socket.read(this.#onRead, this.#onReadFailed);
  }

  /** Does nothing: a read under way ends by itself, and `startReading` begins no other one. */
  protected override stopReading(): void {}

  protected override send(bytes: Uint8Array): number {
    this.#connected.write(bytes).then(this.#onSent, this.#onSendFailed);
    return 0;
  }

  protected override shutdown(): Promise<void> {
    return this.#connected.end();
  }

  protected override secure(options: TlsOptions): Promise<void> {
    return this.#connected.secure(options);
  }

  protected override close(): void {
    this.#socket?.close();
  }

  protected override hold(isHeld: boolean): void {
    this.#socket?.hold?.(isHeld);
  }

  protected override errorOf(error: unknown, action: Action): Error {
    return this.#sockets.errorOf(error, action, this.address);
  }

  get #connected(): PullSocket {
    if (this.#socket === undefined) throw new Error("The stream is not connected");
    return this.#socket;
  }

  #read(bytes: Buffer | null): void {
    this.#isReading = false;
    if (bytes === null) return this.receivedEnd();
    if (this.#isPlain) setTimeout(() => this.startReading());
    else this.startReading();
    this.received(bytes);
  }

  #failed(error: unknown, action: Action): void {
    this.destroy(this.errorOf(error, action));
  }
}
