/** The queue of a stream's writes that its socket has not sent yet. */

/** The callback of a write: all bytes were sent or, with an error, never will be. */
export type Written = (error?: Error | null) => void;

/** A write that was not sent, or only in part. */
interface Write {
  /** The bytes that have still to be sent. */
  bytes: Uint8Array;
  readonly written: Written | undefined;
}

/** The writes of one stream, in order. */
export class WriteQueue {
  readonly #writes: Write[] = [];
  #byteCount = 0;

  /** How many bytes have still to be sent. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** Whether everything has been sent. */
  get isEmpty(): boolean {
    return this.#writes.length === 0;
  }

  /** The bytes that have to be sent next. */
  get next(): Uint8Array | undefined {
    return this.#writes[0]?.bytes;
  }

  /** Appends a write. */
  add(bytes: Uint8Array, written: Written | undefined): void {
    this.#writes.push({ bytes, written });
    this.#byteCount += bytes.length;
  }

  /** Removes the first bytes, which were sent; if that completes a write, calls its callback. */
  sent(byteCount: number): void {
    const write = this.#writes[0];
    if (write === undefined) return;
    this.#byteCount -= byteCount;
    if (byteCount < write.bytes.length) {
      write.bytes = write.bytes.subarray(byteCount);
      return;
    }
    this.#writes.shift();
    write.written?.();
  }

  /** Removes all writes; calls their callbacks with an error, each in a microtask of its own. */
  fail(error: Error): void {
    this.#byteCount = 0;
    for (const { written } of this.#writes.splice(0)) queueMicrotask(() => written?.(error));
  }
}
