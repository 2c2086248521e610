/** The proxy produces each network fault as its name says. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server as Listener, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type Direction, type Proxy, startProxy } from "./proxy.ts";
import { until } from "./wait.ts";

/** A server that sends back the bytes that it receives. */
let echo: Listener;
/** The sockets of the echo server. */
const echoed: Socket[] = [];

before(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    echoed.push(socket);
    socket.on("error", () => socket.destroy()).pipe(socket);
  });
  await once(echo.listen(0, "127.0.0.1"), "listening");
});

after(() => {
  for (const socket of echoed) socket.destroy();
  echo.close();
});

/** One client of a proxy. */
class Client implements Disposable {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  /** The events by which its socket has ended. */
  readonly endings: string[] = [];

  constructor(proxy: Proxy) {
    const { hostname: host, port } = new URL(proxy.uri);
    this.socket = connect({ host, port: Number(port), allowHalfOpen: true });
    this.socket.on("data", (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.on("error", (error) => this.endings.push(String("code" in error && error.code)));
    this.socket.on("end", () => this.endings.push("end"));
  }

  /** Sends a text, and returns the same number of bytes that come back. */
  async ask(text: string): Promise<string> {
    const length = this.received.length + text.length;
    this.socket.write(text);
    await until(() => this.received.length >= length, "all has come back");
    return this.received.subarray(-text.length).toString();
  }

  /** Waits until the socket ends, and returns how. */
  async ending(): Promise<string | undefined> {
    return await until(() => this.endings[0], "it has ended");
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Starts a proxy before the echo. */
async function proxyOfEcho(): Promise<Proxy> {
  const address = echo.address();
  if (address === null || typeof address === "string") throw new Error("It does not listen");
  const { port } = address;
  const url = (): string => `mysql://127.0.0.1:${port}/test`;
  return await startProxy({ host: "127.0.0.1", port, url });
}

/** Returns the echo server's socket of the newest connection. */
function lastEcho(): Socket {
  const socket = echoed.at(-1);
  if (socket === undefined) throw new Error("Nobody has connected");
  return socket;
}

/** Waits for some turns of the event loop. */
async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

test("bytes arrive later by the latency, and in order despite jitter", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  await client.ask("first");
  proxy.meet("toServer", { latencyMs: 60 });
  proxy.meet("toClient", { latencyMs: 40, jitterMs: 20 });
  const askedAt = performance.now();
  await client.ask("later");
  const latency = performance.now() - askedAt;
  assert.ok(latency >= 99, `it took ${latency} ms`);
  const words = Array.from({ length: 30 }, (_, i) => `${i} `);
  for (const word of words) {
    client.socket.write(word);
    await turn();
  }
  const text = words.join("");
  await until(() => client.received.length >= 10 + text.length, "all has come back");
  assert.equal(client.received.subarray(10).toString(), text);
});

test("latency delays many bytes no longer than few, as all are in flight at once", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  proxy.meet("toClient", { latencyMs: 100 });
  const askedAt = performance.now();
  for (let i = 0; i < 10; i++) {
    client.socket.write("x".repeat(1_000));
    await turns(5);
  }
  await until(() => client.received.length === 10_000, "all has come back");
  const ms = performance.now() - askedAt;
  assert.ok(ms >= 99 && ms < 600, `it took ${ms} ms`);
});

test("the bandwidth limits throughput, and the proxy stops reading a faster sender", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  proxy.meet("toServer", { bytesPerSecond: 50_000 });
  const askedAt = performance.now();
  await client.ask("x".repeat(20_000));
  const ms = performance.now() - askedAt;
  assert.ok(ms >= 390, `it took ${ms} ms`);
  proxy.meet("toServer", { bytesPerSecond: 1_000 });
  while (client.socket.write("x".repeat(100_000)));
  await until(() => proxy.received.toServer > 60_000, "it has begun");
  await turns();
  assert.ok(client.socket.writableLength > 0, "all was taken");
});

for (const direction of ["toClient", "toServer"] as const satisfies Direction[]) {
  test(`the proxy resets a link after any number of bytes ${direction}`, async () => {
    for (const count of [0, 1, 7, 8]) {
      await using proxy = await proxyOfEcho();
      using client = new Client(proxy);
      proxy.meet(direction, { ends: { after: count, by: "reset" } });
      client.socket.write("12345678");
      assert.equal(await client.ending(), "ECONNRESET");
      assert.equal(
        client.received.toString(),
        direction === "toClient" ? "12345678".slice(0, count) : "",
      );
      await until(() => lastEcho().destroyed && proxy.links === 0, "the other side has too");
    }
  });
}

test("the proxy ends a link after some bytes, which arrive before the end", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  assert.equal(await client.ask("before"), "before");
  proxy.meet("toClient", { ends: { after: 3, by: "finish" } });
  client.socket.write("12345678");
  assert.equal(await client.ending(), "end");
  assert.equal(client.received.toString(), "before123");
});

test("the proxy overwrites bytes at an offset, also across chunks", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  await client.ask("before");
  proxy.meet("toClient", { overwrites: { at: 3, bytes: Buffer.from("XYZ") } });
  assert.equal(await client.ask("0123"), "012X");
  assert.equal(await client.ask("4567"), "YZ67");
});

test("a silent link forwards nothing either way, and new links are not silent", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  await client.ask("before");
  const other = lastEcho();
  proxy.end("silence");
  client.socket.write("lost");
  other.write("lost too");
  await turns();
  assert.equal(client.received.toString(), "before");
  other.end();
  await turns();
  assert.deepEqual(client.endings, []);
  using next = new Client(proxy);
  assert.equal(await next.ask("after"), "after");
  proxy.end("reset");
  assert.equal(await client.ending(), "ECONNRESET");
  await until(() => other.destroyed, "the other side hears it too");
});

test("on a silent link the server's socket stays open when the client has gone", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  await client.ask("before");
  const other = lastEcho();
  proxy.end("silence");
  client.socket.destroy();
  await once(client.socket, "close");
  await turns();
  assert.equal(other.destroyed, false);
  proxy.reset();
  await until(() => other.destroyed, "the network is back");
});

test("the proxy holds bytes and an end until release", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  await client.ask("before");
  proxy.hold("toClient");
  client.socket.write("held");
  lastEcho().end();
  await turns();
  assert.equal(client.received.toString(), "before");
  assert.deepEqual(client.endings, []);
  proxy.release("toClient");
  assert.equal(await client.ending(), "end");
});

test("lead sends new connections elsewhere, and resets them if nothing listens there", async () => {
  await using proxy = await proxyOfEcho();
  using client = new Client(proxy);
  await client.ask("before");
  const other = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await once(other.listen(0, "127.0.0.1"), "listening");
  const address = other.address();
  if (address === null || typeof address === "string") throw new Error("It does not listen");
  proxy.lead({ host: "127.0.0.1", port: address.port });
  using led = new Client(proxy);
  await led.ending();
  assert.match(led.received.toString(), /^HTTP/);
  led.socket.destroy();
  other.close();
  await once(other, "close");
  using refused = new Client(proxy);
  assert.equal(await refused.ending(), "ECONNRESET");
  assert.equal(await client.ask("after"), "after");
});
