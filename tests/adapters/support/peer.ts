/** The other side of a socket: a listener that does with each connection what a test says. */

import { once } from "node:events";
import { createServer, type Server as Listener, type Socket } from "node:net";

/** A listener. */
export interface Peer extends AsyncDisposable {
  /** Its port; 0 if it listens at a unix socket. */
  readonly port: number;
  /** The connections that it has accepted, the first one first. */
  readonly sockets: readonly Socket[];
  /** How many of them are open. */
  readonly openCount: number;
}

/** Listens at a free port, or at a path. */
export async function listen(serve: (socket: Socket) => void, path?: string): Promise<Peer> {
  const sockets: Socket[] = [];
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    // The other side may end as it likes; that is what is looked at.
    socket.on("error", () => socket.destroy());
    serve(socket);
  });
  if (path === undefined) listener.listen(0, "127.0.0.1");
  else listener.listen(path);
  await once(listener, "listening");
  return {
    port: portOf(listener),
    sockets,
    get openCount() {
      return sockets.filter((socket) => !socket.destroyed).length;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}

/** Sends back what comes, and ends when the other side has. */
export function echo(socket: Socket): void {
  socket.pipe(socket);
}

/** Takes what comes, says nothing, and ends when the other side has. */
export function sink(socket: Socket): void {
  socket.resume().on("end", () => socket.end());
}

function portOf(listener: Listener): number {
  const address = listener.address();
  return address === null || typeof address === "string" ? 0 : address.port;
}
