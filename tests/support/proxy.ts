/**
 * Stands between a pool and its server: knows each command that the pool sends, counts bytes,
 * and holds back or cuts off what a test tells it to.
 *
 * What one side does not read is not read from the other side either, and an end that only one
 * side has reached is passed on as just that. So each side meets the other's true behaviour.
 */

import { once } from "node:events";
import { connect, createServer, type Server as Listener, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { CommandReader } from "./commands.ts";
import { unreadBytes } from "./tcp.ts";

/** A server that can be reached. */
export interface Upstream {
  /** Its address. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** Returns where `app` reaches the database `test`. */
  url(): string;
}

/** Where bytes go. */
export type Direction = "toClient" | "toServer";

/** What a proxy does beside forwarding. */
export interface ProxyOptions {
  /** Returns what it waits for before it forwards the first byte to a connection, by number. */
  readonly admits?: (number: number) => Promise<void>;
  /** Tells whether a command, such as `QUERY COMMIT`, is forwarded; if not, its link is cut. */
  readonly forwards?: (command: string) => boolean;
  /** How many chunks of the server reach each connection: with 1, only the greeting does. */
  readonly chunksMax?: number;
  /** How large a piece of what the server sends may be; each is sent by itself. */
  readonly pieceBytes?: number;
  /** The address to listen at; 127.0.0.1 if not given. */
  readonly host?: string;
}

/** Starts a proxy before a server. */
export async function startProxy(server: Upstream, options: ProxyOptions = {}): Promise<Proxy> {
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  listener.listen(0, options.host ?? "127.0.0.1");
  await once(listener, "listening");
  return new Proxy(listener, server, options);
}

/** A proxy that listens. */
export class Proxy implements AsyncDisposable {
  /** What was sent through it since {@linkcode forget}, as `QUERY SELECT 1`, `PING` and so on. */
  commands: string[] = [];
  /** How many connections were opened through it. */
  opened = 0;
  /** How many bytes it has received to be forwarded. */
  readonly received: Record<Direction, number> = { toClient: 0, toServer: 0 };
  readonly #listener: Listener;
  readonly #server: Upstream;
  readonly #options: ProxyOptions;
  readonly #links: Set<Link> = new Set();
  readonly #holds: Record<Direction, PromiseWithResolvers<void> | undefined>;

  /** Creates a proxy. */
  constructor(listener: Listener, server: Upstream, options: ProxyOptions) {
    this.#listener = listener;
    this.#server = server;
    this.#options = options;
    this.#holds = { toClient: undefined, toServer: undefined };
    listener.on("connection", (client: Socket) => void this.#link(client));
  }

  /** Where `app` reaches the database `test` through it. */
  get uri(): string {
    const url = new URL(this.#server.url());
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("The proxy has ended");
    url.hostname = address.address;
    url.port = String(address.port);
    return url.href;
  }

  /** How many connections are open on the side of the clients. */
  get links(): number {
    return this.#links.size;
  }

  /** How many bytes clients have taken out of their sockets, of all that it forwarded to them. */
  get readByClients(): number {
    return [...this.#links].reduce((sum, link) => sum + link.readByClient, 0);
  }

  /** Forgets the commands so far, and returns them. */
  forget(): string[] {
    return this.commands.splice(0);
  }

  /** Forwards nothing more in a direction, nor reads it, until {@linkcode release}. */
  hold(direction: Direction): void {
    this.#holds[direction] ??= Promise.withResolvers();
  }

  /** Forwards in a direction again. */
  release(direction: Direction): void {
    this.#holds[direction]?.resolve();
    this.#holds[direction] = undefined;
  }

  /** Ends all links at once, as a network that is gone would be noticed: by a reset. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /** Ends all its links, and listens no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release("toClient");
    this.release("toServer");
    for (const link of this.#links) link.cut();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  async #link(client: Socket): Promise<void> {
    const number = ++this.opened;
    const upstream = connect({
      host: this.#server.host,
      port: this.#server.port,
      allowHalfOpen: true,
    });
    const link = new Link(client, upstream);
    this.#links.add(link);
    client.on("close", () => this.#links.delete(link));
    link.forward(client, upstream, this.#readerOf(link), Infinity);
    await this.#options.admits?.(number);
    link.forward(upstream, client, this.#answererOf(), this.#pieceBytes);
  }

  get #pieceBytes(): number {
    return this.#options.pieceBytes ?? Infinity;
  }

  /** Looks at what a client sends; tells whether it is to be forwarded. */
  #readerOf(link: Link): (chunk: Buffer) => Promise<boolean> {
    const reader = new CommandReader();
    return async (chunk) => {
      this.received.toServer += chunk.length;
      const commands = reader.read(chunk);
      this.commands.push(...commands);
      await this.#holds.toServer?.promise;
      const isForwarded = commands.every((command) => this.#options.forwards?.(command) ?? true);
      if (!isForwarded) link.cut();
      return isForwarded;
    };
  }

  /** Looks at what the server sends; tells whether it is to be forwarded. */
  #answererOf(): (chunk: Buffer) => Promise<boolean> {
    let chunks = 0;
    return async (chunk) => {
      this.received.toClient += chunk.length;
      await this.#holds.toClient?.promise;
      return ++chunks <= (this.#options.chunksMax ?? Infinity);
    };
  }
}

/** Two sockets that are forwarded to each other. */
class Link {
  readonly #client: Socket;
  readonly #upstream: Socket;

  constructor(client: Socket, upstream: Socket) {
    this.#client = client;
    this.#upstream = upstream;
    for (const socket of [client, upstream]) {
      socket.setNoDelay();
      // A link that breaks on one side breaks on the other; who uses it is told so there.
      socket.on("error", () => this.cut()).on("close", () => this.cut());
    }
  }

  get readByClient(): number {
    return this.#client.bytesWritten - this.#client.writableLength - unreadBytes(this.#client);
  }

  cut(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#upstream.destroy();
  }

  /** Forwards what comes from a socket as long as `passes` lets it, and then its end. */
  forward(
    source: Socket,
    sink: Socket,
    passes: (chunk: Buffer) => Promise<boolean>,
    pieceBytes: number,
  ): void {
    source.on("data", async (chunk: Buffer) => {
      source.pause();
      if (await passes(chunk)) await this.#write(sink, chunk, pieceBytes);
      source.resume();
    });
    source.on("end", () => sink.end());
    source.resume();
  }

  async #write(sink: Socket, chunk: Buffer, pieceBytes: number): Promise<void> {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const piece = chunk.subarray(at, Math.min(chunk.length, at + pieceBytes));
      if (pieceBytes < Infinity) await turn();
      if (sink.destroyed) return;
      if (!sink.write(piece)) await drained(sink);
    }
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
