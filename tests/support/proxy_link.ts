/**
 * A link of a proxy: two sockets, and what becomes of both when something becomes of one.
 *
 * What breaks on one side breaks on the other, and in the same manner: a reset as a reset, an
 * end as an end. On a link that has fallen silent neither side learns anything of the other.
 */

import type { Socket } from "node:net";
import { type Ending, Pipe, type PipeSetting, type Way } from "./proxy_way.ts";
import { unreadBytes } from "./tcp.ts";

/** Where bytes go. */
export type Direction = "toClient" | "toServer";

/** What a direction of a link is made of, but for what the link itself knows. */
export type Carriage = Pick<PipeSetting, "passes" | "released" | "pieceBytes">;

/** Two sockets that are forwarded to each other. */
export class Link {
  /** Whether the client has sent something since the server has. */
  isAsking = false;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #pipes: Map<Direction, Pipe> = new Map();
  #isSilent = false;

  /** Creates a link; {@linkcode carry} lets it carry. `closed` is called when both have closed. */
  constructor(client: Socket, upstream: Socket, closed: () => void) {
    this.#client = client;
    this.#upstream = upstream;
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      socket.setNoDelay();
      // Who uses the link is told there of what went wrong here.
      socket.on("error", () => this.#isSilent || resetSocket(other));
      socket.on("close", () => {
        if (!this.#isSilent) other.destroy();
        if (other.closed) closed();
      });
    }
  }

  /** Whether the client's side is open. */
  get isOpen(): boolean {
    return !this.#client.destroyed;
  }

  /** How many bytes the client has taken out of its socket. */
  get readByClient(): number {
    return this.#client.bytesWritten - this.#client.writableLength - unreadBytes(this.#client);
  }

  /** Begins to carry in a direction. */
  carry(direction: Direction, carriage: Carriage, way: Way): void {
    const isToClient = direction === "toClient";
    const source = isToClient ? this.#upstream : this.#client;
    const sink = isToClient ? this.#client : this.#upstream;
    const setting = { ...carriage, source, sink, end: (by: Ending) => this.end(by) };
    const pipe = new Pipe(setting, way);
    if (this.#isSilent) pipe.silence();
    this.#pipes.set(direction, pipe);
  }

  /** Sends the client something that is not from the server. */
  tellClient(bytes: Buffer): void {
    this.isAsking = false;
    this.#client.write(bytes);
  }

  /** Changes the way in a direction. */
  meet(direction: Direction, way: Way): void {
    const pipe = this.#pipes.get(direction);
    if (pipe !== undefined) pipe.way = way;
  }

  /** Ends it. */
  end(by: Ending): void {
    if (by === "silence") {
      this.#isSilent = true;
      for (const pipe of this.#pipes.values()) pipe.silence();
      return;
    }
    for (const socket of [this.#client, this.#upstream]) {
      if (by === "reset") resetSocket(socket);
      else socket.destroySoon();
    }
  }

  /** Closes both sides at once. */
  cut(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }
}

/** Resets a socket; Node cannot reset one that is just ending, and then never closes it. */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
