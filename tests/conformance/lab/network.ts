/**
 * The network of a lab: proxies before its servers, and ports at which something that is not a
 * server answers, or nothing does.
 */

import { once } from "node:events";
import { connect, createServer, type Server as Listener, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { type Direction, type Proxy, startProxy } from "../../support/proxy.ts";
import { clientEnds, type TcpEnd } from "../../support/tcp.ts";
import { until } from "../../support/wait.ts";
import type { ServerName, Servers } from "./servers.ts";

/** What a proxy does besides forwarding; see {@linkcode startProxy}. */
export interface LabProxyOptions {
  /** How many chunks of the server reach each connection: with 1, only the greeting does. */
  readonly chunksMax?: number;
  /** The maximum size of the pieces in which it forwards the server's bytes. */
  readonly pieceBytes?: number;
  /** The address to listen at. */
  readonly host?: string;
  /** The command that it does not forward: it cuts the connection instead. */
  readonly cutAt?: string;
}

/** A proxy that listens. */
export interface ListeningProxy {
  /** Its number. */
  readonly id: number;
  /** Its port. */
  readonly port: number;
  /** The URI of the user `app` and the database `test` through it. */
  readonly uri: string;
}

/** The traffic through a proxy so far. */
export interface Traffic {
  /** The commands that clients have sent through it since the last call. */
  readonly commands: readonly string[];
  /** How many connections were opened through it. */
  readonly opened: number;
  /** How many are open. */
  readonly links: number;
  /** How many bytes it has received for clients. */
  readonly toClient: number;
  /** How many bytes it has received for the server. */
  readonly toServer: number;
  /** How many bytes the clients have read from their sockets. */
  readonly readByClients: number;
}

/** How a listener treats its clients. */
export type Manner = "silent" | "resets" | "hangs up" | "speaks HTTP" | "stops in its greeting";

/** After how long without a read a reader counts as stopped, in ms. */
const calmMs = 300;

/** What a listener of each manner does with a connection. */
const manners: Readonly<Record<Manner, (socket: Socket) => void>> = {
  "silent": (socket) => socket.resume(),
  "resets": (socket) => socket.resetAndDestroy(),
  "hangs up": (socket) => socket.end(),
  "speaks HTTP": (socket) => socket.resume().write("HTTP/1.1 400 Bad Request\r\n\r\n"),
  // The header announces a packet of 74 bytes, and only the first ones come.
  "stops in its greeting": (socket) =>
    socket.resume().write(Buffer.from("\x4a\0\0\0\x0a9.7.4", "latin1")),
};

/** How many connects fill the shortest backlog. */
const lineLength = 2;
/** Listens, and never accepts, as its thread blocks. */
const fullPortScript = `
const { createServer } = require("node:net");
const { parentPort } = require("node:worker_threads");
const listener = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  parentPort.postMessage(listener.address().port);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
`;

/** Proxies and listeners of tests. */
export class Network {
  readonly #servers: Servers;
  readonly #proxies: Map<number, Proxy> = new Map();
  /** The addresses of listeners that are not at 127.0.0.1, by port. */
  readonly #hosts: Map<number, string> = new Map();
  /** The functions that end a listener, by port. */
  readonly #closers: Map<number, () => Promise<unknown>> = new Map();
  /** The client ports of connections that only fill a backlog. */
  readonly #fillers: Set<number> = new Set();
  #lastId = 0;

  /** Creates a network before some servers. */
  constructor(servers: Servers) {
    this.#servers = servers;
  }

  /** Starts a proxy before a server. */
  async openProxy(name: ServerName, options: LabProxyOptions = {}): Promise<ListeningProxy> {
    const { cutAt, ...rest } = options;
    const forwards = (command: string): boolean => command !== cutAt;
    const proxy = await startProxy(await this.#servers.get(name), { ...rest, forwards });
    const id = ++this.#lastId;
    this.#proxies.set(id, proxy);
    const port = Number(new URL(proxy.uri).port);
    if (options.host !== undefined) this.#hosts.set(port, options.host);
    this.#closers.set(port, () => proxy[Symbol.asyncDispose]());
    return { id, uri: proxy.uri, port };
  }

  /** Returns the traffic through a proxy, and forgets its commands. */
  traffic(id: number): Traffic {
    const proxy = this.#proxy(id);
    const { opened, links, readByClients, received: { toClient, toServer } } = proxy;
    return { commands: proxy.forget(), opened, links, toClient, toServer, readByClients };
  }

  /** Waits until the clients of a proxy read no more, and returns its traffic. */
  async calmTraffic(id: number): Promise<Traffic> {
    const proxy = this.#proxy(id);
    let [read, since] = [-1, performance.now()];
    await until(() => {
      const now = performance.now();
      if (proxy.readByClients !== read) [read, since] = [proxy.readByClients, now];
      return now - since > calmMs;
    }, "nobody reads");
    return this.traffic(id);
  }

  /** Waits until a proxy has received some bytes in a direction. */
  async awaitBytes(id: number, direction: Direction, count: number): Promise<void> {
    const proxy = this.#proxy(id);
    await until(() => proxy.received[direction] >= count, `${count} bytes have come ${direction}`);
  }

  /** Makes a proxy neither read nor forward anything in a direction. */
  hold(id: number, direction: Direction): void {
    this.#proxy(id).hold(direction);
  }

  /** Lets a proxy forward again. */
  release(id: number, direction: Direction): void {
    this.#proxy(id).release(direction);
  }

  /** Resets all connections of a proxy. */
  reset(id: number): void {
    this.#proxy(id).reset();
  }

  /** Listens, treats each client in the given manner, and returns the port. */
  async listen(manner: Manner): Promise<number> {
    const sockets = new Set<Socket>();
    const listener = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      // The other side may end in any way; the tests look at that.
      socket.on("error", () => socket.destroy()).on("end", () => socket.end());
      manners[manner](socket);
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const port = portOf(listener);
    this.#closers.set(port, async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    });
    return port;
  }

  /** Returns a port at which nothing listens. */
  async closedPort(): Promise<number> {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const port = portOf(listener);
    listener.close();
    await once(listener, "close");
    return port;
  }

  /** Returns a port at which connects get no answer, as its backlog is full. */
  async fullPort(): Promise<number> {
    const thread = new Worker(fullPortScript, { eval: true });
    const [port] = await once(thread, "message");
    const fillers = Array.from({ length: lineLength }, () => connect(port, "127.0.0.1"));
    for (const filler of fillers) {
      await once(filler, "connect");
      this.#fillers.add(filler.localPort ?? 0);
    }
    this.#closers.set(port, async () => {
      for (const filler of fillers) filler.destroy();
      await thread.terminate();
    });
    return port;
  }

  /** Ends the listener at a port, so that its clients are refused. */
  async end(port: number): Promise<void> {
    await this.#closers.get(port)?.();
    this.#closers.delete(port);
  }

  /** Returns the clients' ends of all connections to a port, open or opening. */
  clientsAt(port: number): TcpEnd[] {
    const ends = clientEnds(this.#hosts.get(port) ?? "127.0.0.1", port);
    return ends.filter(({ port: own }) => !this.#fillers.has(own));
  }

  /** Waits until so many clients have a connection to a port, open or opening. */
  async awaitClientsAt(port: number, count: number): Promise<void> {
    await until(
      () => this.clientsAt(port).length === count,
      `${count} have a connection to port ${port}`,
    );
  }

  /** Ends all proxies and listeners; throws if a test has left a connection to one of them. */
  async tidy(): Promise<void> {
    try {
      for (const port of this.#closers.keys()) await this.awaitClientsAt(port, 0);
    } finally {
      for (const port of this.#closers.keys()) await this.end(port);
      this.#proxies.clear();
      this.#fillers.clear();
      this.#hosts.clear();
    }
  }

  #proxy(id: number): Proxy {
    const proxy = this.#proxies.get(id);
    if (proxy === undefined) throw new RangeError(`There is no proxy ${id}`);
    return proxy;
  }
}

function portOf(listener: Listener): number {
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("It does not listen");
  return address.port;
}
