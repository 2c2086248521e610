/**
 * The stream of a socket that is read by asking for bytes, as those of Deno and Workers are.
 *
 * There is one read at a time. A socket cannot be upgraded to TLS while one is under way; so
 * until then a read begins only when the reader of the stream has seen all that came before, and
 * has not asked for the upgrade.
 */

import type { Buffer } from "node:buffer";
import type { Address, TlsOptions } from "../port.ts";
import type { Action } from "./errors.ts";
import { RuntimeStream } from "./stream.ts";

/** A connected socket that is read by asking. */
export interface PulledSocket {
  /** The TCP port on this side, where a runtime knows it. */
  readonly localPort?: number | undefined;
  /** Returns what has come, in memory that is the caller's from then on; null at the end. */
  read(): Promise<Uint8Array | null>;
  /** Writes all. */
  write(bytes: Uint8Array): Promise<void>;
  /** Says that nothing more will be written. */
  end(): Promise<void>;
  /** Upgrades it to TLS. */
  secure(options: TlsOptions): Promise<void>;
  /** Closes it at once, whatever it is at. */
  close(): void;
  /** Says whether it is to keep the process alive; where a runtime knows that. */
  hold?(isHeld: boolean): void;
}

/** A runtime whose sockets are read by asking. */
export interface PulledSockets {
  /** Connects; `signal` calls that off. */
  connect(address: Address, signal: AbortSignal): Promise<PulledSocket>;
  /** Returns what Node would say of an error. */
  errorOf(error: unknown, action: Action, address: Address): Error;
}

/** The stream of a socket that is read by asking. */
export class PulledStream extends RuntimeStream {
  readonly #sockets: PulledSockets;
  #socket: PulledSocket | undefined;
  #isReading = false;
  /** Whether it has still to be upgraded to TLS. */
  #isPlain: boolean;
  #isUpgrading = false;

  /** Begins to connect. */
  constructor(sockets: PulledSockets, address: Address) {
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
    this._read();
  }

  override _read(): void {
    if (this.#isReading || this.#isUpgrading) return;
    this.#isReading = true;
    if (this.#isPlain) queueMicrotask(() => this.#pull());
    else this.#pull();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#connected.write(bytes).then(() => done(), (error) => done(this.errorOf(error, "write")));
  }

  override _final(done: (error?: Error) => void): void {
    this.#connected.end().then(() => done(), (error) => done(this.errorOf(error, "shutdown")));
  }

  protected override async open(signal: AbortSignal): Promise<void> {
    const socket = await this.#sockets.connect(this.address, signal);
    if (signal.aborted) socket.close();
    else this.#socket = socket;
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

  get #connected(): PulledSocket {
    if (this.#socket === undefined) throw new Error("The stream is not connected");
    return this.#socket;
  }

  #pull(): void {
    if (this.#isUpgrading || this.destroyed) {
      this.#isReading = false;
      return;
    }
    this.#connected.read().then(
      (bytes) => this.#received(bytes),
      (error) => this.destroy(this.errorOf(error, "read")),
    );
  }

  #received(bytes: Uint8Array | null): void {
    this.#isReading = false;
    if (!this.destroyed) this.push(bytes);
  }
}
