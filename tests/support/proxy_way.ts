/**
 * One direction of a link: what one socket says is carried to another, as fast as the way lets
 * it, as far as the way goes, and with what the way makes of it.
 *
 * Bytes are carried in order. What is under way is bounded, so that who sends faster than the
 * way carries, or than the other side reads, is not read from.
 */

import type { Socket } from "node:net";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

/** How a link ends. */
export type Ending =
  /** Both sides are told by a reset. */
  | "reset"
  /** Both sides are told that the other has nothing more to say. */
  | "finish"
  /** Nobody is told: what is sent is taken and thrown away, in both directions. */
  | "silence";

/** What a link meets on its way in one direction; nothing unless given. */
export interface Way {
  /** How much later everything arrives, in ms. */
  readonly latencyMs?: number;
  /** How much later still at most, by chance, in ms; nothing overtakes what was sent before. */
  readonly jitterMs?: number;
  /** How many bytes get through in a second. */
  readonly bytesPerSecond?: number;
  /** What replaces the bytes at a place, which is counted from when the way was set. */
  readonly overwrites?: { readonly at: number; readonly bytes: Uint8Array };
  /** After how many bytes, counted likewise, the link ends, and how. */
  readonly ends?: { readonly after: number; readonly by: Ending };
}

/** What a direction is made of. */
export interface PipeSetting {
  /** Who sends. */
  readonly source: Socket;
  /** Who receives. */
  readonly sink: Socket;
  /** Looks at what is sent, before it goes on its way; tells whether it does. */
  readonly passes: (chunk: Buffer) => Promise<boolean>;
  /** Fulfilled when an end may be passed on. */
  readonly released: () => Promise<void> | undefined;
  /** How large a piece may be that arrives at once. */
  readonly pieceBytes: number;
  /** Ends the link. */
  readonly end: (by: Ending) => void;
}

/** How much may be under way: about what the buffers of a network hold. */
const flightBytesMax = 64 * 1024;
/** Into how many pieces the bytes of one second are cut. */
const piecesPerSecond = 20;

/** Carries what one socket sends to another. */
export class Pipe {
  readonly #setting: PipeSetting;
  #way: Way;
  /** How many bytes have come since the way was set. */
  #count = 0;
  #isSilent = false;
  /** Fulfilled when all that is under way has arrived. */
  #flight: Promise<void> = Promise.resolve();
  #flightBytes = 0;
  /** When the way is free for more, and when what was sent last arrives. */
  #freeAt = 0;
  #arrivesAt = 0;

  /** Begins to carry. */
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

  /** Changes the way; places in it are counted from now on. */
  set way(way: Way) {
    this.#way = way;
    this.#count = 0;
  }

  /** Takes what comes from now on, an end too, and throws it away. */
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

  /** Fulfilled when there is room for more on the way. */
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
      // What never arrives, as the link was cut meanwhile, keeps no process waiting.
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

/** Writes over what of a chunk is at a place, which may lie before or beyond it. */
function overwrite(chunk: Buffer, at: number, bytes: Uint8Array): void {
  for (const [i, byte] of bytes.entries()) {
    if (at + i >= 0 && at + i < chunk.length) chunk[at + i] = byte;
  }
}

/** Fulfilled when a socket takes more, or has closed. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}
