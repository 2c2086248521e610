/**
 * The stream of a socket on every runtime except Node: the part of a stream that the driver uses.
 *
 * It behaves like Node's Duplex, which takes 0.4 us more per query on Bun and 0.6 us on Deno: bytes
 * arrive in order, a reader that pauses stops the socket, an error comes before the one "close".
 * There is one difference: if the socket takes all bytes at once, `write` calls its callback before
 * it returns.
 *
 * The stream exists before its socket does, and can be destroyed at any moment. That cancels a
 * connect under way or, if the runtime cannot cancel it, closes the socket when it opens.
 */

import { EventEmitter } from "node:events";
import type { Address, SocketStream, TlsOptions } from "../port/socket.ts";
import { type Action, destroyedError, endedError } from "./errors.ts";
import { WriteQueue, type Written } from "./write_queue.ts";

/** From this many unsent bytes on, `write` asks its caller to wait for "drain". */
const highWaterMark: number = 64 * 1024;

/** The stream of a socket. */
export abstract class RuntimeStream extends EventEmitter implements SocketStream {
  /** The address to which the socket connects. */
  protected readonly address: Address;
  readonly #cancel: AbortController = new AbortController();
  #isDestroyed = false;
  #isRef = true;
  /** While "ending", the reader has still to read bytes from before the end. */
  #incoming: "open" | "ending" | "ended" = "open";
  #flow: "idle" | "flowing" | "paused" = "idle";
  /** The bytes that arrived while the reader was paused. */
  readonly #unread: Uint8Array[] = [];
  /** While "ending", the socket has still to send bytes that were written before the end. */
  #outgoing: "open" | "ending" | "closing" | "ended" = "open";
  readonly #writes: WriteQueue = new WriteQueue();
  /** Whether nothing can be sent now, as the socket is not connected or is full. */
  #isBlocked = true;
  #needsDrain = false;

  /** Begins to connect in the next microtask, when the subclass's fields are initialised. */
  constructor(address: Address) {
    super();
    this.address = address;
    const flow = (name: string | symbol): void => {
      if (name !== "data") return;
      this.off("newListener", flow);
      if (this.#flow === "idle") this.resume();
    };
    this.on("newListener", flow);
    queueMicrotask(() => this.#connect());
  }

  /** Connects; `signal` cancels it. The subclass closes a socket that opens after the cancel. */
  protected abstract open(signal: AbortSignal): Promise<void>;

  /** Upgrades the socket to TLS; the stream calls this when all writes have been sent. */
  protected abstract secure(options: TlsOptions): Promise<void>;

  /** Reads from the socket, if there is one, until {@linkcode stopReading}. */
  protected abstract startReading(): void;

  /** Stops reading from the socket; the stream keeps bytes that arrive all the same. */
  protected abstract stopReading(): void;

  /**
   * Sends the bytes that the socket takes at once, and returns how many. If some are left, the
   * subclass calls {@linkcode sent} when the socket has sent more of them, or has room.
   */
  protected abstract send(bytes: Uint8Array): number;

  /** Tells the server that nothing more will be written. */
  protected abstract shutdown(): Promise<void>;

  /** Closes the socket at once, if there is one. */
  protected abstract close(): void;

  /** Sets whether the socket, if there is one, keeps the process alive. */
  protected abstract hold(isHeld: boolean): void;

  /** Returns an error in Node's form. */
  protected abstract errorOf(error: unknown, action: Action): Error;

  /** Whether the stream was destroyed, or has ended in both directions. */
  get destroyed(): boolean {
    return this.#isDestroyed;
  }

  /** Whether the stream accepts writes. */
  get writable(): boolean {
    return this.#outgoing === "open" && !this.#isDestroyed;
  }

  /** Whether the reader has paused the stream. */
  isPaused(): boolean {
    return this.#flow === "paused";
  }

  /** Emits no "data" until {@linkcode resume}. */
  pause(): this {
    if (this.#flow !== "paused") {
      this.#flow = "paused";
      this.stopReading();
    }
    return this;
  }

  /** Emits "data" from the next microtask on, as the caller may be a "data" listener itself. */
  resume(): this {
    if (this.#flow !== "flowing") {
      this.#flow = "flowing";
      queueMicrotask(() => this.#deliver());
    }
    return this;
  }

  /**
   * Sends bytes after all earlier ones. Returns false if the caller should wait for "drain" before
   * the next write.
   */
  write(bytes: Uint8Array, written?: Written): boolean {
    if (!this.writable) return this.#refuse(written);
    const count = this.#isIdle ? this.#sendSome(bytes) : 0;
    // The socket takes most writes at once; skipping the queue saves 0.2 us on Bun.
    if (this.#isIdle) {
      written?.();
      return true;
    }
    this.#writes.add(bytes.subarray(count), written);
    const hasRoom = this.#writes.byteCount < highWaterMark;
    if (!hasRoom) this.#needsDrain = true;
    return hasRoom;
  }

  /** Ends this side when all writes have been sent; the server may still send. */
  end(): this {
    if (!this.writable) return this;
    this.#outgoing = "ending";
    if (this.#isIdle) this.#endOutgoing();
    return this;
  }

  /** Destroys the stream at once, connected or not. */
  destroy(error?: Error): this {
    if (this.#isDestroyed) return this;
    this.#isDestroyed = true;
    this.#cancel.abort();
    this.#unread.length = 0;
    this.close();
    this.#writes.fail(error ?? destroyedError());
    // In microtasks of their own, as listeners may throw.
    if (error !== undefined) queueMicrotask(() => this.emit("error", error));
    queueMicrotask(() => this.emit("close"));
    return this;
  }

  /** Lets the open socket keep the process alive. */
  ref(): void {
    this.#isRef = true;
    this.hold(true);
  }

  /** Lets the process end although the socket is open. */
  unref(): void {
    this.#isRef = false;
    this.hold(false);
  }

  /** Upgrades the socket to TLS; also rejects if the stream is destroyed meanwhile. */
  async startTls(options: TlsOptions): Promise<void> {
    const closed = Promise.withResolvers<never>();
    const reject = (): void => closed.reject(destroyedError());
    this.once("close", reject);
    try {
      await Promise.race([this.#allSent().then(() => this.secure(options)), closed.promise]);
      if (!this.#isRef) this.hold(false);
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      // A new error, as the driver overwrites the code of the error that it gets.
      throw new Error(`TLS could not be started: ${said}`, { cause });
    } finally {
      this.off("close", reject);
    }
  }

  /** Whether the reader wants bytes. */
  protected get isFlowing(): boolean {
    return this.#flow === "flowing" && this.#incoming === "open" && !this.#isDestroyed;
  }

  /** Gives the reader bytes, or keeps them if it is paused. The driver needs a Buffer. */
  protected received(bytes: Uint8Array): void {
    if (this.isFlowing && this.#unread.length === 0) return void this.emit("data", bytes);
    if (this.#isDestroyed) return;
    this.#unread.push(bytes);
    // A listener that threw may have left something unread.
    queueMicrotask(() => this.#deliver());
  }

  /** Tells the reader that the server has ended, after all bytes from before the end. */
  protected receivedEnd(): void {
    if (this.#incoming !== "open") return;
    this.#incoming = "ending";
    this.#deliver();
  }

  /** Notes how many queued bytes the socket has sent since it was full, and sends more. */
  protected sent(byteCount: number): void {
    this.#isBlocked = true;
    this.#writes.sent(byteCount);
    for (let bytes = this.#writes.next; bytes !== undefined; bytes = this.#writes.next) {
      this.#writes.sent(this.#sendSome(bytes));
      if (this.#isBlocked) return;
    }
    this.#isBlocked = false;
    if (this.#isDestroyed) return;
    if (this.#needsDrain) {
      this.#needsDrain = false;
      this.emit("drain");
    }
    this.#endOutgoing();
  }

  get #isIdle(): boolean {
    return !this.#isBlocked && this.#writes.isEmpty;
  }

  /** Sends the bytes that the socket takes now; returns how many. Notes whether it is full. */
  #sendSome(bytes: Uint8Array): number {
    const count = bytes.length === 0 ? 0 : this.send(bytes);
    this.#isBlocked = count < bytes.length;
    return count;
  }

  #connect(): void {
    if (this.#isDestroyed) return;
    this.open(this.#cancel.signal).then(
      () => this.#connected(),
      (error) => this.destroy(this.errorOf(error, "connect")),
    );
  }

  #connected(): void {
    if (this.#isDestroyed) return;
    if (!this.#isRef) this.hold(false);
    if (this.isFlowing) this.startReading();
    else this.stopReading();
    this.sent(0);
  }

  /** Gives the reader all unread bytes, and then the end. */
  #deliver(): void {
    while (this.#flow === "flowing" && !this.#isDestroyed) {
      const bytes = this.#unread.shift();
      if (bytes === undefined) return this.#delivered();
      this.emit("data", bytes);
    }
  }

  #delivered(): void {
    if (this.#incoming === "open") return this.startReading();
    if (this.#incoming === "ended") return;
    this.#incoming = "ended";
    this.emit("end");
    this.end();
    this.#closeIfEnded();
  }

  #endOutgoing(): void {
    if (this.#outgoing !== "ending") return;
    this.#outgoing = "closing";
    this.shutdown().then(
      () => {
        this.#outgoing = "ended";
        this.#closeIfEnded();
      },
      (error) => this.destroy(this.errorOf(error, "shutdown")),
    );
  }

  #closeIfEnded(): void {
    if (this.#incoming === "ended" && this.#outgoing === "ended") this.destroy();
  }

  #refuse(written: Written | undefined): false {
    const error = this.#isDestroyed ? destroyedError() : endedError(this.#incoming === "ended");
    queueMicrotask(() => written?.(error));
    this.destroy(error);
    return false;
  }

  /** Fulfilled when all writes have been sent. */
  #allSent(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.write(new Uint8Array(0), (error) => error ? reject(error) : resolve());
    });
  }
}
