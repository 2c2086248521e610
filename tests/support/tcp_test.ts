/** The table of TCP connections is filtered by address, not only by port. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { clientEnds, isTcpKnown } from "./tcp.ts";

const skip = isTcpKnown ? false : "the kernel does not tell";

/** Listens until the end of a test. */
async function listen(context: TestContext, host: string, port = 0): Promise<number> {
  const listener: Server = createServer((socket) => {
    context.after(() => socket.destroy());
  });
  context.after(() => listener.close());
  listener.listen(port, host);
  await once(listener, "listening");
  return (listener.address() as AddressInfo).port;
}

/** Connects until the end of a test; returns the local port. */
async function connected(context: TestContext, host: string, port: number): Promise<number> {
  const client = connect(port, host);
  context.after(() => client.destroy());
  await once(client, "connect");
  return client.localPort ?? 0;
}

test(
  "clientEnds ignores a socket with the listener's port at another address",
  { skip },
  async (context) => {
    const server = await listen(context, "127.0.0.1");
    const port = await connected(context, "127.0.0.1", server);
    assert.deepEqual(clientEnds("127.0.0.1", server).map((end) => end.port), [port]);
    await listen(context, "127.0.0.2", port);
    assert.deepEqual(clientEnds("127.0.0.2", port), []);
    const client = await connected(context, "127.0.0.2", port);
    assert.deepEqual(clientEnds("127.0.0.2", port).map((end) => end.port), [client]);
  },
);
