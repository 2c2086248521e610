/**
 * A lab: real servers, the network before them and the processes beside them. Tests in other
 * processes, in any runtime that has `fetch`, control it over HTTP.
 *
 * A request names a part of the lab and one of its methods, `POST /servers/kill`; its body has
 * the arguments in JSON, and the response is in JSON too.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server as Listener } from "node:http";
import { text } from "node:stream/consumers";
import { inspect } from "node:util";
import { Network } from "./network.ts";
import { Programs } from "./programs.ts";
import { Servers } from "./servers.ts";

/** The parts of a lab that tests control. */
export interface LabParts {
  /** Its servers. */
  readonly servers: Servers;
  /** Its proxies and listeners. */
  readonly network: Network;
  /** Its processes. */
  readonly programs: Programs;
}

/** The response of a lab. */
export interface LabAnswer {
  /** The value that the method returned. */
  readonly value?: unknown;
  /** The error that it threw, as text. */
  readonly error?: string;
}

/** Opens a lab. */
export async function openLab(): Promise<Lab> {
  const listener = createServer({ requestTimeout: 0 });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return new Lab(listener);
}

/** A lab that listens. */
export class Lab implements AsyncDisposable, LabParts {
  readonly servers: Servers = new Servers();
  readonly network: Network = new Network(this.servers);
  readonly programs: Programs = new Programs(this.servers);
  readonly #listener: Listener;

  /** Creates a lab that answers the requests of a listener. */
  constructor(listener: Listener) {
    this.#listener = listener;
    listener.on("request", async (request, response) => {
      response.end(JSON.stringify(await this.#answer(request)));
    });
  }

  /** The URL for its requests. */
  get url(): string {
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("The lab is closed");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Cleans up after a test; throws if the test has left a connection open. */
  async tidy(): Promise<void> {
    try {
      await this.network.tidy();
    } finally {
      await this.servers.tidy();
    }
  }

  /** Ends everything in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#listener.closeAllConnections();
    await this.network.tidy();
    await this.servers[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingMessage): Promise<LabAnswer> {
    try {
      const [, part, method = ""] = request.url?.split("/") ?? [];
      const parts: Record<string, object | undefined> = {
        servers: this.servers,
        network: this.network,
        programs: this.programs,
      };
      const asked = parts[part ?? ""] as Record<string, (...args: unknown[]) => unknown>;
      const args = JSON.parse(await text(request));
      if (asked?.[method] === undefined) throw new RangeError(`No lab does ${part}/${method}`);
      return { value: await asked[method](...args) };
    } catch (error) {
      return { error: inspect(error) };
    }
  }
}
