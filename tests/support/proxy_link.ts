/**
 * A link of a proxy: a socket to the client and one to the server.
 *
 * The link passes a fault of one side on to the other: a reset as a reset, an end as an end. On a
 * silent link neither side learns anything of the other.
 */

import type { Socket } from "node:net";
import { type Ending, Pipe, type PipeSetting, type Way } from "./proxy_way.ts";
import { unreadBytes } from "./tcp.ts";

/** The direction in which bytes go. */
export type Direction = "toClient" | "toServer";

/** The settings of a direction, except those that the link adds. */
export type Carriage = Pick<PipeSetting, "passes" | "released" | "pieceBytes">;

/** Two sockets whose bytes the proxy forwards to each other. */
export class Link {
  /** Whether the client has sent something since the server has. */
  isAsking = false;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #pipes: Map<Direction, Pipe> = new Map();
  #isSilent = false;

  /** Creates a link, which forwards after {@linkcode carry}; calls `closed` when both closed. */
  constructor(client: Socket, upstream: Socket, closed: () => void) {
    this.#client = client;
    this.#upstream = upstream;
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      socket.setNoDelay();
      // The other side sees the error of this side as a reset.
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

  /** How many bytes the client has read from its socket. */
  get readByClient(): number {
    return this.#client.bytesWritten - this.#client.writableLength - unreadBytes(this.#client);
  }

  /** Begins to forward in a direction. */
  carry(direction: Direction, carriage: Carriage, way: Way): void {
    const isToClient = direction === "toClient";
    const source = isToClient ? this.#upstream : this.#client;
    const sink = isToClient ? this.#client : this.#upstream;
    const setting = { ...carriage, source, sink, end: (by: Ending) => this.end(by) };
    const pipe = new Pipe(setting, way);
    if (this.#isSilent) pipe.silence();
    this.#pipes.set(direction, pipe);
  }

  /** Sends the client bytes that do not come from the server. */
  tellClient(bytes: Buffer): void {
    this.isAsking = false;
    this.#client.write(bytes);
  }

  /** Sets the fault of a direction. */
  meet(direction: Direction, way: Way): void {
    const pipe = this.#pipes.get(direction);
    if (pipe !== undefined) pipe.way = way;
  }

  /** Ends the link. */
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

/** Resets a socket; destroys an ending one, as Node cannot reset it and would never close it. */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
