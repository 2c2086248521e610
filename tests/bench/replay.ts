/**
 * A connection without a kernel: what a prepared statement brings comes from a recording, within
 * the process. All else goes to a real server, which is also where the recording comes from: the
 * first answer to each statement.
 */

import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";

const COM_STMT_EXECUTE = 0x17;

/** Returns streams that lead to a server and replay its answers. */
export function replayOf(uri: string): () => ReplayStream {
  const { hostname: host, port } = new URL(uri);
  return () => new ReplayStream(connect({ host, port: Number(port), noDelay: true }));
}

/** The stream of a connection; it sends what it replays in a turn of its own. */
export class ReplayStream extends Duplex {
  readonly #socket: Socket;
  readonly #answers = new Map<number, Buffer>();
  /** The statement whose answer is being recorded, and what has come of it. */
  #recorded: number | undefined;
  #parts: Buffer[] = [];

  /** Takes over a socket that is being connected. */
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

  /** Answers an execution from the recording; sends all else, past the queue of a `Duplex`. */
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
      // A socket brings bytes of its own each time, too.
      this.emit("data", Buffer.from(answer));
    });
    return true;
  }

  override _read(): void {
    // The socket gives what it has without being asked.
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  /** The driver writes again only when it has the whole answer. */
  #endRecording(): void {
    if (this.#recorded === undefined) return;
    this.#answers.set(this.#recorded, Buffer.concat(this.#parts));
    this.#recorded = undefined;
    this.#parts = [];
  }
}
