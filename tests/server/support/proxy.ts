/**
 * Stands between a pool and its server, and knows each command that the pool sends.
 *
 * A packet of the client that has the number 0 begins a command, whose kind is its first byte:
 * counting them is counting round trips.
 */

import { once } from "node:events";
import { connect, createServer, type Server as Listener, type Socket } from "node:net";
import type { Server } from "../../support/server.ts";

const kinds: Readonly<Record<number, string>> = {
  0x01: "QUIT",
  0x03: "QUERY",
  0x0e: "PING",
  0x11: "CHANGE_USER",
  0x16: "PREPARE",
  0x17: "EXECUTE",
  0x19: "CLOSE",
  0x1f: "RESET",
};

/** What a proxy does beside forwarding. */
export interface ProxyOptions {
  /** Returns what it waits for before it forwards the first byte to a connection, by number. */
  readonly admits?: (number: number) => Promise<void>;
  /** Tells whether a command, such as `QUERY COMMIT`, is forwarded; if not, its link is cut. */
  readonly forwards?: (command: string) => boolean;
}

/** Starts a proxy before a server. */
export async function startProxy(server: Server, options: ProxyOptions = {}): Promise<Proxy> {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return new Proxy(listener, server, options);
}

/** A proxy that listens. */
export class Proxy implements AsyncDisposable {
  /** What was sent through it since {@linkcode forget}, as `QUERY SELECT 1`, `PING` and so on. */
  commands: string[] = [];
  /** How many connections were opened through it. */
  opened = 0;
  /** What was received of the commands of each link, but for whole packets. */
  readonly #listener: Listener;
  readonly #server: Server;
  readonly #options: ProxyOptions;
  readonly #sockets: Set<Socket> = new Set();

  /** Creates a proxy. */
  constructor(listener: Listener, server: Server, options: ProxyOptions) {
    this.#listener = listener;
    this.#server = server;
    this.#options = options;
    listener.on("connection", (client: Socket) => this.#link(client));
  }

  /** Where `app` reaches the database `test` through it. */
  get uri(): string {
    const url = new URL(this.#server.url());
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("The proxy has ended");
    url.port = String(address.port);
    return url.href;
  }

  /** Forgets the commands so far, and returns them. */
  forget(): string[] {
    return this.commands.splice(0);
  }

  /** Ends all its links, and listens no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  #link(client: Socket): void {
    this.opened++;
    const upstream = connect(this.#server.port, this.#server.host);
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      // A link that breaks on one side breaks on the other; who uses it is told so there.
      socket.on("error", cut).on("close", cut).on("close", () => this.#sockets.delete(socket));
    }
    const reader = new CommandReader();
    client.on("data", (chunk: Buffer) => {
      const commands = reader.read(chunk);
      this.commands.push(...commands);
      if (commands.every((command) => this.#options.forwards?.(command) ?? true)) {
        upstream.write(chunk);
      } else cut();
    });
    void this.#answer(upstream, client, this.opened);
  }

  async #answer(upstream: Socket, client: Socket, number: number): Promise<void> {
    upstream.pause();
    await this.#options.admits?.(number);
    upstream.on("data", (chunk: Buffer) => client.write(chunk));
    upstream.resume();
  }
}

/** Reads commands out of what a client sends; the packets of the login are not numbered 0. */
class CommandReader {
  #rest: Buffer = Buffer.alloc(0);

  read(chunk: Buffer): string[] {
    const commands: string[] = [];
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4) {
      const end = 4 + this.#rest.readUIntLE(0, 3);
      if (this.#rest.length < end) break;
      const packet = this.#rest.subarray(0, end);
      if (packet[3] === 0) commands.push(describe(packet));
      this.#rest = this.#rest.subarray(end);
    }
    return commands;
  }
}

function describe(packet: Buffer): string {
  const kind = kinds[packet[4] ?? 0] ?? `COMMAND ${packet[4]}`;
  const hasText = kind === "QUERY" || kind === "PREPARE";
  return hasText ? `${kind} ${packet.toString("utf8", 5)}` : kind;
}
