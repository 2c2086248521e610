/** What is written to a socket of Bun, which takes as many bytes as go now: the rest waits. */

import type { BunSocket } from "./runtimes.ts";

/** Told when a write has been sent, or what is wrong. */
export type Done = (error?: Error) => void;

/** The one write that is under way. */
export class BunWrites {
  readonly #failure: () => Error;
  #rest: { readonly bytes: Uint8Array; readonly done: Done } | undefined;

  /** Creates none; `failure` makes the error of a write that cannot be sent. */
  constructor(failure: () => Error) {
    this.#failure = failure;
  }

  /** Sends what goes now; `done` is called when all has gone. */
  send(socket: BunSocket | undefined, bytes: Uint8Array, done: Done): void {
    const sent = socket?.write(bytes) ?? -1;
    if (sent === bytes.length) done();
    else if (sent < 0) done(this.#failure());
    else this.#rest = { bytes: bytes.subarray(sent), done };
  }

  /** Sends what goes of the rest, now that there is room; without a socket, it has failed. */
  sendRest(socket: BunSocket | undefined): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.send(socket, rest.bytes, rest.done);
  }

  /** Forgets the rest. */
  forget(): void {
    this.#rest = undefined;
  }
}
