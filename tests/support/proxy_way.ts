/**
 * One direction of a link: a pipe forwards the bytes of one socket to another, and delays, limits,
 * changes or cuts them.
 *
 * Bytes arrive in order. The bytes in flight are bounded: the pipe stops reading from a sender
 * that is faster than the way, or than the receiver.
 */

import type { Socket } from "node:net";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

/** How a link ends. */
export type Ending =
  /** Both sides get a reset. */
  | "reset"
  /** Both sides get an end. */
  | "finish"
  /** Neither side notices: the proxy discards bytes in both directions. */
  | "silence";

/** The faults of a link in one direction; by default none. */
export interface Way {
  /** The delay of all bytes, in ms. */
  readonly latencyMs?: number;
  /** The maximum of an additional random delay, in ms; bytes still arrive in order. */
  readonly jitterMs?: number;
  /** The bandwidth. */
  readonly bytesPerSecond?: number;
  /** Overwrites bytes at an offset, counted from when the way was set. */
  readonly overwrites?: { readonly at: number; readonly bytes: Uint8Array };
  /** Ends the link after a number of bytes, counted in the same way. */
  readonly ends?: { readonly after: number; readonly by: Ending };
}

/** The settings of a pipe. */
export interface PipeSetting {
  /** The sender. */
  readonly source: Socket;
  /** The receiver. */
  readonly sink: Socket;
  /** Called with each chunk before the pipe sends it; tells whether to send it. */
  readonly passes: (chunk: Buffer) => Promise<boolean>;
  /** Fulfilled when the pipe may pass on an end. */
  readonly released: () => Promise<void> | undefined;
  /** The maximum size of a piece that arrives at once. */
  readonly pieceBytes: number;
  /** Ends the link. */
  readonly end: (by: Ending) => void;
}

/** How many bytes may be in flight: about as many as network buffers hold. */
const flightBytesMax = 64 * 1024;
/** How many pieces a bandwidth limit sends per second. */
const piecesPerSecond = 20;

/** Forwards the bytes of one socket to another. */
export class Pipe {
  readonly #setting: PipeSetting;
  #way: Way;
  /** How many bytes the source has sent since the way was set. */
  #count = 0;
  #isSilent = false;
  /** Fulfilled when all bytes in flight have arrived. */
  #flight: Promise<void> = Promise.resolve();
  #flightBytes = 0;
  /** When the bandwidth allows more bytes, and when the last bytes in flight arrive. */
  #freeAt = 0;
  #arrivesAt = 0;

  /** Begins to forward. */
  constructor(setting: PipeSetting, way: Way) {
    this.#setting = setting;
    this.#way = way;
    const { source, sink, passes, released } = setting;
    source.on("data", async (chunk: Buffer) => {
      source.pause();
      if (await passes(chunk)) await this.#send(chunk);
      source.resume();
    });
    source.on("end", async () => {
      await released();
      await this.#flight;
      if (!this.#isSilent) sink.end();
    });
    source.resume();
  }

  /** Changes the way; offsets count from now on. */
  set way(way: Way) {
    this.#way = way;
    this.#count = 0;
  }

  /** Discards all bytes from now on, and the end. */
  silence(): void {
    this.#isSilent = true;
  }

  async #send(chunk: Buffer): Promise<void> {
    const { overwrites, ends } = this.#way;
    const from = this.#count;
    this.#count += chunk.length;
    if (overwrites !== undefined) overwrite(chunk, overwrites.at - from, overwrites.bytes);
    if (ends === undefined || this.#count < ends.after) return await this.#carry(chunk);
    await this.#carry(chunk.subarray(0, Math.max(0, ends.after - from)));
    await this.#flight;
    this.#setting.end(ends.by);
  }

  /** Sends bytes; fulfilled when more may be in flight. */
  async #carry(bytes: Buffer): Promise<void> {
    const { latencyMs = 0, jitterMs = 0, bytesPerSecond = Infinity } = this.#way;
    const isFree = latencyMs === 0 && jitterMs === 0 && bytesPerSecond === Infinity;
    if (isFree && this.#flightBytes === 0) return await this.#arrive(bytes);
    for (const piece of piecesOf(bytes, Math.ceil(bytesPerSecond / piecesPerSecond))) {
      this.#freeAt = Math.max(this.#freeAt, performance.now()) +
        1000 * piece.length / bytesPerSecond;
      const dueAt = this.#freeAt + latencyMs + jitterMs * Math.random();
      this.#arrivesAt = Math.max(this.#arrivesAt, dueAt);
      this.#fly(piece, this.#arrivesAt);
      if (this.#flightBytes > flightBytesMax) await this.#flight;
    }
  }

  #fly(piece: Buffer, arrivesAt: number): void {
    this.#flightBytes += piece.length;
    this.#flight = this.#flight.then(async () => {
      // Bytes that never arrive, because the link was cut, do not keep the process alive.
      await sleep(Math.max(0, arrivesAt - performance.now()), undefined, { ref: false });
      await this.#arrive(piece);
      this.#flightBytes -= piece.length;
    });
  }

  async #arrive(bytes: Buffer): Promise<void> {
    const { sink, pieceBytes } = this.#setting;
    for (const piece of piecesOf(bytes, pieceBytes)) {
      if (pieceBytes < Infinity) await turn();
      if (sink.destroyed || this.#isSilent) return;
      if (!sink.write(piece)) await drained(sink);
    }
  }
}

function piecesOf(bytes: Buffer, pieceBytes: number): Buffer[] {
  if (bytes.length <= pieceBytes) return bytes.length > 0 ? [bytes] : [];
  const count = Math.ceil(bytes.length / pieceBytes);
  return Array.from(
    { length: count },
    (_, i) => bytes.subarray(i * pieceBytes).subarray(0, pieceBytes),
  );
}

/** Overwrites bytes of a chunk at an offset, which may lie outside the chunk in part. */
function overwrite(chunk: Buffer, at: number, bytes: Uint8Array): void {
  for (const [i, byte] of bytes.entries()) {
    if (at + i >= 0 && at + i < chunk.length) chunk[at + i] = byte;
  }
}

/** Fulfilled when a socket drains or closes. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}
