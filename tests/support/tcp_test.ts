/** What the kernel tells of connections is read for the address that is meant. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { clientEnds, isTcpKnown } from "./tcp.ts";

const skip = isTcpKnown ? false : "the kernel does not tell";

/** Listens to the end of a test. */
async function listen(context: TestContext, host: string, port = 0): Promise<number> {
  const listener: Server = createServer((socket) => {
    context.after(() => socket.destroy());
  });
  context.after(() => listener.close());
  listener.listen(port, host);
  await once(listener, "listening");
  return (listener.address() as AddressInfo).port;
}

/** Connects to the end of a test; returns the port on this side. */
async function connected(context: TestContext, host: string, port: number): Promise<number> {
  const client = connect(port, host);
  context.after(() => client.destroy());
  await once(client, "connect");
  return client.localPort ?? 0;
}

test(
  "who has the port of a listener at another address is no client of it",
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
