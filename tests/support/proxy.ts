/**
 * Stands between a pool and its server: knows each command that the pool sends, counts bytes,
 * and does to them what a bad network does, as a test tells it to.
 *
 * What one side does not read is not read from the other side either, and an end that only one
 * side has reached is passed on as just that. So each side meets the other's true behaviour.
 */

import { once } from "node:events";
import { connect, createServer, type Server as Listener, type Socket } from "node:net";
import { CommandReader } from "./commands.ts";
import { type Direction, Link } from "./proxy_link.ts";
import type { Ending, Way } from "./proxy_way.ts";

export type { Direction } from "./proxy_link.ts";
export type { Ending, Way } from "./proxy_way.ts";

/** Where something listens. */
export interface Place {
  /** Its address. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
}

/** A server that can be reached. */
export interface Upstream extends Place {
  /** Returns where `app` reaches the database `test`. */
  url(): string;
}

/** What a proxy does beside forwarding. */
export interface ProxyOptions {
  /** Returns what it waits for before it forwards the first byte to a connection, by number. */
  readonly admits?: (number: number) => Promise<void>;
  /** Tells whether a command, such as `QUERY COMMIT`, is forwarded; if not, its link is cut. */
  readonly forwards?: (command: string) => boolean;
  /** Returns the error that it answers a command with by itself, as a proxy of servers may. */
  readonly refuses?: (command: string) => Refusal | undefined;
  /** How many chunks of the server reach each connection: with 1, only the greeting does. */
  readonly chunksMax?: number;
  /** How large a piece of what the server sends may be; each is sent by itself. */
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
  /** What was sent through it since {@linkcode forget}, as `QUERY SELECT 1`, `PING` and so on. */
  commands: string[] = [];
  /** How many connections were opened through it. */
  opened = 0;
  /** How many round trips clients have made: how often one has sent after its server had. */
  roundTrips = 0;
  /** How many bytes it has received to be forwarded. */
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
    return [...this.#links].filter(({ isOpen }) => isOpen).length;
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

  /** Sets what all links meet in a direction from now on, those that are open too. */
  meet(direction: Direction, way: Way): void {
    this.#ways[direction] = way;
    for (const link of this.#links) link.meet(direction, way);
  }

  /** Leads who connects from now on to another place; back to the server if none is given. */
  lead(place: Place = this.#server): void {
    this.#place = place;
  }

  /** Ends all links of now, those that have fallen silent too. */
  end(by: Ending): void {
    for (const link of this.#links) link.end(by);
  }

  /** Ends all links at once, as a network that is gone would be noticed: by a reset. */
  reset(): void {
    this.end("reset");
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

  /** Looks at what a client sends; tells whether it is to be forwarded. */
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

  /** Looks at what the server sends; tells whether it is to be forwarded. */
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

/** Returns the answer to a command by which a server refuses it. */
function errorPacket({ errno, message }: Refusal): Buffer {
  const text = Buffer.from(`#HY000${message}`);
  const head = Buffer.from([3 + text.length, 0, 0, 1, 0xff, errno & 0xff, errno >> 8]);
  return Buffer.concat([head, text]);
}
