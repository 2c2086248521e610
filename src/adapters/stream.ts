/**
 * What the streams of all runtimes but Node share: they are there before their socket is, and
 * can be destroyed at any moment.
 *
 * Streams by themselves put off their destruction until they are constructed. Here that is cut
 * short: what a runtime still does to connect is called off or, where it cannot be, closed when
 * it succeeds.
 */

import { Duplex } from "node:stream";
import type { Address, SocketStream, TlsOptions } from "../port.ts";
import type { Action } from "./errors.ts";

/** How much may lie in a stream that nobody reads, or be written ahead of its socket. */
const highWaterMark: number = 64 * 1024;

/** The stream of a socket. */
export abstract class RuntimeStream extends Duplex implements SocketStream {
  /** Where its socket connects to. */
  protected readonly address: Address;
  readonly #cancel: AbortController = new AbortController();
  #endConnect: ((error?: Error) => void) | undefined;
  #isHeld = true;

  /** Begins to connect, in the next tick. */
  constructor(address: Address) {
    super({ allowHalfOpen: false, highWaterMark });
    this.address = address;
  }

  /** Connects; `signal` calls that off. A socket that comes after it is closed. */
  protected abstract open(signal: AbortSignal): Promise<void>;

  /** Upgrades the socket to TLS; all that was written has been sent. */
  protected abstract secure(options: TlsOptions): Promise<void>;

  /** Closes the socket at once, if there is one. */
  protected abstract close(): void;

  /** Says whether the socket, if there is one, is to keep the process alive. */
  protected abstract hold(isHeld: boolean): void;

  /** Returns what Node would say of an error. */
  protected abstract errorOf(error: unknown, action: Action): Error;

  /** Lets the open socket keep the process alive. */
  ref(): void {
    this.#isHeld = true;
    this.hold(true);
  }

  /** Lets the process end although the socket is open. */
  unref(): void {
    this.#isHeld = false;
    this.hold(false);
  }

  /** Upgrades it to TLS; rejects as well if it is destroyed meanwhile. */
  async startTls(options: TlsOptions): Promise<void> {
    const destroyed = Promise.withResolvers<never>();
    const reject = (): void => destroyed.reject(new Error("The stream was destroyed"));
    this.once("close", reject);
    try {
      await Promise.race([this.#sent().then(() => this.secure(options)), destroyed.promise]);
      if (!this.#isHeld) this.hold(false);
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      // The driver writes a code of its own into the error that it is given.
      throw new Error(`TLS could not be started: ${said}`, { cause });
    } finally {
      this.off("close", reject);
    }
  }

  override _construct(done: (error?: Error) => void): void {
    if (this.destroyed) return done();
    this.#endConnect = done;
    this.open(this.#cancel.signal).then(
      () => this.#connected(),
      (error) => this.#connected(this.errorOf(error, "connect")),
    );
  }

  /** Destroys it at once, connected or not. */
  override destroy(error?: Error): this {
    super.destroy(error);
    this.#cancel.abort();
    this.#connected();
    return this;
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.close();
    done(error);
  }

  #connected(error?: Error): void {
    const done = this.#endConnect;
    this.#endConnect = undefined;
    if (done === undefined) return;
    if (!this.#isHeld) this.hold(false);
    done(error);
  }

  /** Fulfilled when all that was written has been sent. */
  #sent(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.write(new Uint8Array(0), (error) => error ? reject(error) : resolve());
    });
  }
}
