/**
 * The stream of a socket that is read by asking for bytes, as those of Deno and Workers are.
 *
 * One read is under way at a time, and the next one begins before the reader gets what the last
 * one brought. But a socket cannot be upgraded to TLS during a read. Until that is done, the reader
 * gets the bytes first, and has time to ask for the upgrade.
 */

import type { Buffer } from "node:buffer";
import type { Address, TlsOptions } from "../port.ts";
import type { Action } from "./errors.ts";
import { RuntimeStream } from "./stream.ts";

/** A connected socket that is read by asking. */
export interface PullSocket {
  /** The TCP port on this side, where a runtime knows it. */
  readonly localPort?: number | undefined;
  /**
   * Reads once. Calls `received` with what has come, in memory that is the caller's from then on,
   * or with null at the end; or else `failed`.
   */
  read(received: (bytes: Buffer | null) => void, failed: (error: unknown) => void): void;
  /** Writes some of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Tells the other side that nothing more will be written. */
  end(): Promise<void>;
  /** Upgrades it to TLS. */
  secure(options: TlsOptions): Promise<void>;
  /** Closes it at once, whatever it does. */
  close(): void;
  /** Sets whether it keeps the process alive; where a runtime knows that. */
  hold?(isHeld: boolean): void;
}

/** A runtime whose sockets are read by asking. */
export interface PullSockets {
  /** Connects; `signal` cancels that. */
  connect(address: Address, signal: AbortSignal): Promise<PullSocket>;
  /** Returns what Node would say of an error. */
  errorOf(error: unknown, action: Action, address: Address): Error;
}

/** The stream of a socket that is read by asking. */
export class PullStream extends RuntimeStream {
  readonly #sockets: PullSockets;
  #socket: PullSocket | undefined;
  #isReading = false;
  /** Whether it has still to be upgraded to TLS. */
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

  /** The TCP port on this side. */
  get localPort(): number | undefined {
    return this.#socket?.localPort;
  }

  /** Upgrades it to TLS; nothing is read meanwhile. */
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

  /** The read that is under way ends by itself, and no other one begins. */
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
