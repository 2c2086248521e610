/** The other side of a socket: a listener that passes each connection to a function of a test. */

import { once } from "node:events";
import { createServer, type Server as Listener, type Socket } from "node:net";

/** A listener. */
export interface Peer extends AsyncDisposable {
  /** Its port; 0 if it listens at a unix socket. */
  readonly port: number;
  /** The accepted connections, the first one first. */
  readonly sockets: readonly Socket[];
  /** How many of them are open. */
  readonly openCount: number;
}

/** Listens at a free port, or at a path. */
export async function listen(serve: (socket: Socket) => void, path?: string): Promise<Peer> {
  const sockets: Socket[] = [];
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    // The stream under test may end in any way.
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

/** Sends back the bytes that it receives, and ends when the other side has. */
export function echo(socket: Socket): void {
  socket.pipe(socket);
}

/** Reads and discards, sends nothing, and ends when the other side has. */
export function sink(socket: Socket): void {
  socket.resume().on("end", () => socket.end());
}

function portOf(listener: Listener): number {
  const address = listener.address();
  return address === null || typeof address === "string" ? 0 : address.port;
}
