/**
 * A hostile server: it speaks the protocol up to some point, and then does what a test says. It
 * keeps all that clients send.
 */

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { deflateSync, inflateSync } from "node:zlib";

/** What the server does with a socket instead of an honest step. */
export type Conduct = (socket: Socket) => void;

/** How the server behaves; it does the steps that are not given as an honest server does. */
export interface Hostility {
  /** Replaces the greeting. */
  readonly greets?: Conduct;
  /** Replaces the answer to a login. */
  readonly admits?: Conduct;
  /** Replaces the answer to a query that is not the pool's own. */
  readonly answers?: Conduct;
  /** Replaces the answer to a COM_STMT_PREPARE. */
  readonly prepares?: Conduct;
  /** Whether the server asks for compression; conducts frame what they send by themselves. */
  readonly isCompressed?: boolean;
}

/** The server's capability flags: no TLS, no compression, but login plugins. */
const flags = 0x0008a20f;
/** The command COM_STMT_PREPARE. */
const prepare = 0x16;
/** The capability flag for compression. */
const compressing = 0x20;
const greetingTail = Buffer.concat([
  Buffer.from("secondpart12"),
  Buffer.from("\0mysql_native_password\0"),
]);

/** An honest OK packet. */
export const ok: Buffer = Buffer.from([0, 0, 0, 2, 0, 0, 0]);

/** Returns a packet with its header. */
export function packet(number: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = number;
  return Buffer.concat([header, payload]);
}

/** Returns a frame of the compressed protocol, whose content is not compressed. */
export function frame(number: number, content: Uint8Array): Buffer {
  const header = Buffer.alloc(7);
  header.writeUIntLE(content.length, 0, 3);
  header[3] = number;
  return Buffer.concat([header, content]);
}

/** Returns a frame whose content is compressed. */
export function deflatedFrame(number: number, content: Uint8Array): Buffer {
  const made = frame(number, deflateSync(content));
  made.writeUIntLE(content.length, 4, 3);
  return made;
}

/** Returns the content of a frame. */
function contentOf(frame: Buffer): Buffer {
  return frame.readUIntLE(4, 3) === 0 ? frame.subarray(7) : inflateSync(frame.subarray(7));
}

/** An honest greeting. */
export function greeting(number = 0, isCompressed = false): Buffer {
  const caps = Buffer.alloc(18);
  caps.writeUInt16LE((flags & 0xffff) | (isCompressed ? compressing : 0), 0);
  caps[2] = 45;
  caps.writeUInt16LE(2, 3);
  caps.writeUInt16LE(flags >>> 16, 5);
  caps[7] = 21;
  const head = Buffer.from("\x0a8.0.99-hostile\0\x01\0\0\0firstpt8\0", "latin1");
  return packet(number, Buffer.concat([head, caps, greetingTail]));
}

/** The definition of a column named x, a string. */
export function column(number: number): Buffer {
  const texts = ["def", "", "t", "t", "x", "x"].map((text) =>
    Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
  );
  const rest = Buffer.from([0x0c, 45, 0, 0xff, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]);
  return packet(number, Buffer.concat([...texts, rest]));
}

/** Sends bytes again and again, as fast as the client takes them, until the socket closes. */
export function endlessly(socket: Socket, bytes: Uint8Array): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes));
    if (!socket.destroyed) socket.once("drain", more);
  };
  more();
}

/** A hostile server that listens. */
export interface Hostile extends AsyncDisposable {
  /** The URI for clients. */
  readonly uri: string;
  /** All that clients have sent. */
  readonly heard: Buffer;
}

/** Starts a hostile server. */
export async function startHostile(password: string, hostility: Hostility): Promise<Hostile> {
  const sockets: Socket[] = [];
  let heard: Buffer = Buffer.alloc(0);
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
    let isAdmitted = false;
    socket.on("data", (chunk) => {
      heard = Buffer.concat([heard, chunk]);
      if (!isAdmitted) {
        isAdmitted = true;
        if (hostility.admits === undefined) socket.write(packet(2, ok));
        else hostility.admits(socket);
        return;
      }
      const { isCompressed = false } = hostility;
      const said = isCompressed ? contentOf(chunk) : chunk;
      const isOwn = /^.{5}(SET|KILL)/s.test(said.toString("latin1"));
      const honest = packet(1, ok);
      if (said[4] === prepare && hostility.prepares !== undefined) {
        return hostility.prepares(socket);
      }
      if (isOwn || hostility.answers === undefined) {
        socket.write(isCompressed ? frame(1, honest) : honest);
      } else hostility.answers(socket);
    });
    if (hostility.greets !== undefined) hostility.greets(socket);
    else socket.write(greeting(0, hostility.isCompressed));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = Object(listener.address());
  return {
    uri: `mysql://app:${password}@127.0.0.1:${port}/test`,
    get heard() {
      return heard;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}
