/** The writes of a stream that wait for its socket. */

/** The callback of a write: its bytes have been sent, or never will be. */
export type Written = (error?: Error | null) => void;

/** A write that has not been sent, or only in part. */
interface Write {
  /** What has still to be sent. */
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

  /** What has to be sent next. */
  get next(): Uint8Array | undefined {
    return this.#writes[0]?.bytes;
  }

  /** Adds a write behind those before it. */
  add(bytes: Uint8Array, written: Written | undefined): void {
    this.#writes.push({ bytes, written });
    this.#byteCount += bytes.length;
  }

  /** Removes the first bytes, which have been sent; calls the callback of a write that is whole. */
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

  /** Removes all and has their callbacks called with an error, later. */
  fail(error: Error): void {
    this.#byteCount = 0;
    for (const { written } of this.#writes.splice(0)) queueMicrotask(() => written?.(error));
  }
}
