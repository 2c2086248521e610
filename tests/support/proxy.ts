/**
 * A proxy between a pool and its server: it records each command that the pool sends, counts
 * bytes, and produces the faults of a bad network that a test asks for.
 *
 * If one side does not read, the proxy stops reading from the other side, and it passes a
 * half-close on as a half-close. So each side sees the true behaviour of the other.
 */

import { once } from "node:events";
import { connect, createServer, type Server as Listener, type Socket } from "node:net";
import { CommandReader } from "./commands.ts";
import { type Direction, Link } from "./proxy_link.ts";
import type { Ending, Way } from "./proxy_way.ts";

export type { Direction } from "./proxy_link.ts";
export type { Ending, Way } from "./proxy_way.ts";

/** The address of a listener. */
export interface Place {
  /** Its host. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
}

/** The server behind a proxy. */
export interface Upstream extends Place {
  /** Returns the URL of the user `app` and the database `test`. */
  url(): string;
}

/** What a proxy does besides forwarding. */
export interface ProxyOptions {
  /** The proxy awaits this before it forwards the server's first byte to connection `number`. */
  readonly admits?: (number: number) => Promise<void>;
  /** Tells whether to forward a command, such as `QUERY COMMIT`; else the proxy cuts the link. */
  readonly forwards?: (command: string) => boolean;
  /** Returns the error with which the proxy itself answers a command, as database proxies may. */
  readonly refuses?: (command: string) => Refusal | undefined;
  /** How many chunks of the server the proxy forwards to each connection; 1: only the greeting. */
  readonly chunksMax?: number;
  /** The maximum size of a piece of the server's bytes; the proxy writes each piece separately. */
  readonly pieceBytes?: number;
  /** The address to listen at; 127.0.0.1 if not given. */
  readonly host?: string;
}

/** An error of a server. */
export interface Refusal {
  /** Its number. */
  readonly errno: number;
  /** Its text. */
  readonly message: string;
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
  /** The commands of clients since {@linkcode forget}, as `QUERY SELECT 1`, `PING` and so on. */
  commands: string[] = [];
  /** How many connections clients have opened. */
  opened = 0;
  /** How many round trips clients have made: how often one sent bytes after the server had. */
  roundTrips = 0;
  /** How many bytes the proxy has received for each direction. */
  readonly received: Record<Direction, number> = { toClient: 0, toServer: 0 };
  readonly #listener: Listener;
  readonly #server: Upstream;
  readonly #options: ProxyOptions;
  readonly #links: Set<Link> = new Set();
  readonly #holds: Record<Direction, PromiseWithResolvers<void> | undefined>;
  readonly #ways: Record<Direction, Way> = { toClient: {}, toServer: {} };
  #place: Place;

  /** Creates a proxy. */
  constructor(listener: Listener, server: Upstream, options: ProxyOptions) {
    this.#listener = listener;
    this.#server = server;
    this.#place = server;
    this.#options = options;
    this.#holds = { toClient: undefined, toServer: undefined };
    listener.on("connection", (client: Socket) => void this.#link(client));
  }

  /** The URL of the user `app` and the database `test` through the proxy. */
  get uri(): string {
    const url = new URL(this.#server.url());
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("The proxy has ended");
    url.hostname = address.address;
    url.port = String(address.port);
    return url.href;
  }

  /** How many client connections are open. */
  get links(): number {
    return [...this.#links].filter(({ isOpen }) => isOpen).length;
  }

  /** How many of the forwarded bytes clients have read from their sockets. */
  get readByClients(): number {
    return [...this.#links].reduce((sum, link) => sum + link.readByClient, 0);
  }

  /** Returns the commands so far, and clears them. */
  forget(): string[] {
    return this.commands.splice(0);
  }

  /** Stops reading and forwarding in a direction until {@linkcode release}. */
  hold(direction: Direction): void {
    this.#holds[direction] ??= Promise.withResolvers();
  }

  /** Forwards in a direction again. */
  release(direction: Direction): void {
    this.#holds[direction]?.resolve();
    this.#holds[direction] = undefined;
  }

  /** Sets the fault of a direction for all open and new links. */
  meet(direction: Direction, way: Way): void {
    this.#ways[direction] = way;
    for (const link of this.#links) link.meet(direction, way);
  }

  /** Leads new connections to another place, or back to the server. */
  lead(place: Place = this.#server): void {
    this.#place = place;
  }

  /** Ends all current links, silent ones too. */
  end(by: Ending): void {
    for (const link of this.#links) link.end(by);
  }

  /** Ends all current links by a reset. */
  reset(): void {
    this.end("reset");
  }

  /** Cuts all links, and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release("toClient");
    this.release("toServer");
    for (const link of this.#links) link.cut();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  async #link(client: Socket): Promise<void> {
    const number = ++this.opened;
    const { host, port } = this.#place;
    const upstream = connect({ host, port, allowHalfOpen: true });
    const link = new Link(client, upstream, () => this.#links.delete(link));
    this.#links.add(link);
    this.#carry(link, "toServer", this.#readerOf(link), Infinity);
    await this.#options.admits?.(number);
    this.#carry(link, "toClient", this.#answererOf(link), this.#options.pieceBytes ?? Infinity);
  }

  #carry(
    link: Link,
    direction: Direction,
    passes: (chunk: Buffer) => Promise<boolean>,
    pieceBytes: number,
  ): void {
    const released = (): Promise<void> | undefined => this.#holds[direction]?.promise;
    link.carry(direction, { passes, released, pieceBytes }, this.#ways[direction]);
  }

  /** Returns a function that records a client's bytes, and tells whether to forward them. */
  #readerOf(link: Link): (chunk: Buffer) => Promise<boolean> {
    const reader = new CommandReader();
    return async (chunk) => {
      this.received.toServer += chunk.length;
      if (!link.isAsking) this.roundTrips++;
      link.isAsking = true;
      const commands = reader.read(chunk);
      this.commands.push(...commands);
      await this.#holds.toServer?.promise;
      const refusal = this.#refusalOf(commands);
      if (refusal !== undefined) {
        link.tellClient(errorPacket(refusal));
        return false;
      }
      const isForwarded = commands.every((command) => this.#options.forwards?.(command) ?? true);
      if (!isForwarded) link.cut();
      return isForwarded;
    };
  }

  #refusalOf(commands: readonly string[]): Refusal | undefined {
    const { refuses } = this.#options;
    return commands.map((command) => refuses?.(command)).find((found) => found !== undefined);
  }

  /** Returns a function that counts the server's bytes, and tells whether to forward them. */
  #answererOf(link: Link): (chunk: Buffer) => Promise<boolean> {
    let chunks = 0;
    return async (chunk) => {
      this.received.toClient += chunk.length;
      link.isAsking = false;
      await this.#holds.toClient?.promise;
      return ++chunks <= (this.#options.chunksMax ?? Infinity);
    };
  }
}

/** Returns the error packet with which a server refuses a command. */
function errorPacket({ errno, message }: Refusal): Buffer {
  const text = Buffer.from(`#HY000${message}`);
  const head = Buffer.from([3 + text.length, 0, 0, 1, 0xff, errno & 0xff, errno >> 8]);
  return Buffer.concat([head, text]);
}
