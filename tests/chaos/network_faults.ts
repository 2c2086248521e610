/** Faults of a network, made by the proxy before the server. */

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Direction, Ending, Way } from "../support/proxy.ts";
import { type Fault, nothingLeft, type Scene } from "./faults.ts";

const directions: readonly Direction[] = ["toClient", "toServer"];

/** Makes the network bad in both directions; returns the function that restores it. */
function bad({ proxy }: Scene, way: Way): () => void {
  for (const direction of directions) proxy.meet(direction, way);
  return () => {
    for (const direction of directions) proxy.meet(direction, {});
  };
}

/** Resets half-open connections, as a network does when it is back. */
function comeBack({ proxy }: Scene): void {
  proxy.reset();
}

/** What a program that is not MySQL does with a client. */
type Greet = (socket: Socket) => void;

/** Programs that listen at a port in place of MySQL. */
export const strangers: Readonly<Record<string, Greet>> = {
  "who says nothing": (socket) => socket.resume(),
  "who hangs up": (socket) => socket.resetAndDestroy(),
  "of HTTP": (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
  "of SSH": (socket) => socket.resume().write("SSH-2.0-OpenSSH_9.2p1\r\n"),
};

/** Puts a stranger in the server's place; returns the function that brings the server back. */
export async function replace({ proxy }: Pick<Scene, "proxy">, greet: Greet): Promise<() => void> {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
    greet(socket);
  });
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("It does not listen");
  proxy.lead({ host: "127.0.0.1", port: address.port });
  proxy.reset();
  return () => {
    proxy.lead();
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
}

/** The faults of networks. */
export const networkFaults: readonly Fault[] = [
  {
    kind: "latency",
    lastsMs: [100, 400],
    begin: (scene, chance) =>
      bad(scene, { latencyMs: chance.between(1, 40), jitterMs: chance.between(1, 40) }),
  },
  {
    kind: "bandwidth",
    lastsMs: [100, 400],
    begin: (scene, chance) => bad(scene, { bytesPerSecond: chance.between(2, 40) * 1_000 }),
  },
  {
    kind: "stall",
    lastsMs: [100, 500],
    begin: ({ proxy }, chance) => {
      const stalled = chance.pick([directions, ["toClient"], ["toServer"]] as const);
      for (const direction of stalled) proxy.hold(direction);
      return () => {
        for (const direction of stalled) proxy.release(direction);
      };
    },
  },
  {
    kind: "silence",
    lastsMs: [100, 500],
    begin: (scene) => {
      scene.proxy.end("silence");
      return () => comeBack(scene);
    },
  },
  {
    kind: "reset",
    lastsMs: [0, 0],
    begin: ({ proxy }) => {
      proxy.end("reset");
      return nothingLeft;
    },
  },
  {
    kind: "finish",
    lastsMs: [0, 0],
    begin: ({ proxy }) => {
      proxy.end("finish");
      return nothingLeft;
    },
  },
  {
    kind: "cut",
    lastsMs: [50, 200],
    begin: (scene, chance) => {
      const after = chance.between(0, 150);
      const by = chance.pick<Ending>(["reset", "finish", "silence"]);
      const direction = chance.pick(directions);
      scene.proxy.meet(direction, { ends: { after, by } });
      return () => {
        scene.proxy.meet(direction, {});
        if (by === "silence") comeBack(scene);
      };
    },
  },
  {
    kind: "wrong length",
    lastsMs: [50, 200],
    begin: (scene, chance) => {
      // The next bytes on each connection are the beginning of a packet: its length.
      const bytes = Buffer.from([chance.between(0, 80), chance.between(0, 1), 0]);
      scene.proxy.meet("toClient", { overwrites: { at: 0, bytes } });
      return () => {
        scene.proxy.meet("toClient", {});
        comeBack(scene);
      };
    },
  },
  {
    kind: "stranger",
    lastsMs: [50, 300],
    begin: (scene, chance) => replace(scene, chance.pick(Object.values(strangers))),
  },
];
