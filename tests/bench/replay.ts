/**
 * A connection that replays answers to prepared statements within the process, without the kernel.
 * All other commands go to a real server. The recording of a statement is the server's first answer
 * to it.
 */

import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";

const COM_STMT_EXECUTE = 0x17;

/** Returns a function that opens streams to a server which replay its answers. */
export function replayOf(uri: string): () => ReplayStream {
  const { hostname: host, port } = new URL(uri);
  return () => new ReplayStream(connect({ host, port: Number(port), noDelay: true }));
}

/** The stream of a connection; it emits each replayed answer in a separate turn. */
export class ReplayStream extends Duplex {
  readonly #socket: Socket;
  readonly #answers = new Map<number, Buffer>();
  /** The statement whose answer is being recorded, and the bytes so far. */
  #recorded: number | undefined;
  #parts: Buffer[] = [];

  /** Creates a stream over a connecting socket. */
  constructor(socket: Socket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      if (this.#recorded !== undefined) this.#parts.push(bytes);
      this.emit("data", bytes);
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** Answers a recorded execution; sends all else directly, without the buffer of a `Duplex`. */
  override write(bytes: Buffer, done?: unknown): boolean {
    const sent = typeof done === "function" ? () => void done() : () => undefined;
    this.#endRecording();
    const isExecution = bytes[3] === 0 && bytes[4] === COM_STMT_EXECUTE;
    const statement = isExecution ? bytes.readUInt32LE(5) : undefined;
    const answer = statement === undefined ? undefined : this.#answers.get(statement);
    if (answer === undefined) {
      this.#recorded = statement;
      return this.#socket.write(bytes, sent);
    }
    setImmediate(() => {
      sent();
      // A copy, as a socket also emits a new buffer each time.
      this.emit("data", Buffer.from(answer));
    });
    return true;
  }

  override _read(): void {
    // The socket pushes its bytes by itself.
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  /** Stores the recorded answer: the driver writes again only after the whole answer. */
  #endRecording(): void {
    if (this.#recorded === undefined) return;
    this.#answers.set(this.#recorded, Buffer.concat(this.#parts));
    this.#recorded = undefined;
    this.#parts = [];
  }
}
