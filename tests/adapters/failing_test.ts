/** The errors of a stream over the runtime's sockets, and that a failed stream leaves no socket. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { SocketStream, TlsOptions } from "../../src/port/socket.ts";
import { until } from "../support/wait.ts";
import { closing, dial, plainTls, runtime, skipsTls, type SocketError } from "./support/here.ts";
import { listen, type Peer, sink } from "./support/peer.ts";

/** Returns a port at which no program listens. */
async function closedPort(): Promise<number> {
  const { port, ...peer } = await listen(sink);
  await peer[Symbol.asyncDispose]();
  return port;
}

/** Connects, and waits for the greeting of the other side. */
async function greeted(peer: Peer): Promise<SocketStream> {
  const stream = dial({ port: peer.port, isSecured: true });
  const [greeting] = await once(stream, "data");
  assert.equal(String(greeting), "hello");
  return stream;
}

async function failure(promise: Promise<unknown> | undefined): Promise<SocketError> {
  const [outcome] = await Promise.allSettled([promise]);
  assert.equal(outcome.status, "rejected");
  return outcome.reason;
}

test("a connect to a closed port fails, and the error has the address", async () => {
  const port = await closedPort();
  const error = await closing(dial(port));
  assert.equal(error?.message, `connect ECONNREFUSED 127.0.0.1:${port}`);
  assert.equal(error.code, "ECONNREFUSED");
  assert.equal(error.syscall, "connect");
  assert.equal(error.address, "127.0.0.1");
  assert.equal(error.port, port);
});

test("an unknown host fails the connect, and the error names the host", async () => {
  const host = "no.such.host.invalid";
  const error = await closing(dial({ host, port: 3306 }));
  assert.match(error?.message ?? "", /^getaddrinfo (ENOTFOUND|EAI_AGAIN) no\.such\.host\.invalid$/);
  assert.match(error?.code ?? "", /^(ENOTFOUND|EAI_AGAIN)$/);
  assert.equal(error?.syscall, "getaddrinfo");
  assert.equal(error.hostname, host);
});

test("a missing unix socket, or one without a listener, fails with its own code", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sockets-"));
  try {
    const missing = join(folder, "missing");
    const error = await closing(dial({ socketPath: missing }));
    assert.equal(error?.message, `connect ENOENT ${missing}`);
    assert.equal(error.code, "ENOENT");
    assert.equal(error.address, missing);
    const file = join(folder, "file");
    await writeFile(file, "");
    assert.equal((await closing(dial({ socketPath: file })))?.code, "ECONNREFUSED");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a reset closes the stream with ECONNRESET", async () => {
  await using peer = await listen((socket) => void socket.write("hello"));
  const stream = dial(peer.port);
  const closed = closing(stream);
  await once(stream, "data");
  peer.sockets[0]?.resetAndDestroy();
  const error = await closed;
  assert.equal(error?.message, "read ECONNRESET");
  assert.equal(error.code, "ECONNRESET");
  assert.equal(error.syscall, "read");
});

test("a write to a peer that has gone fails", async () => {
  await using peer = await listen((socket) => void socket.write("hello"));
  const stream = dial(peer.port);
  const closed = closing(stream);
  await once(stream, "data");
  stream.pause();
  peer.sockets[0]?.resetAndDestroy();
  await until(() => {
    if (!stream.destroyed) stream.write(Buffer.alloc(1000));
    return stream.destroyed;
  }, "the stream has noticed");
  assert.match((await closed)?.code ?? "", /^(EPIPE|ECONNRESET)$/);
});

test("a stream destroyed at any moment closes with that error, and leaves no socket", async () => {
  await using peer = await listen((socket) => void socket.on("end", () => socket.end()).resume());
  const moments: Record<string, (stream: SocketStream) => Promise<unknown> | undefined> = {
    "at once": () => undefined,
    "in the next tick": () => Promise.resolve(),
    "when it is being connected": () => new Promise((resolve) => setImmediate(resolve)),
    "when it is connected": () => until(() => peer.openCount > 0, "it is connected"),
    "when it reads": async (stream) => {
      stream.resume();
      await until(() => peer.openCount > 0, "it is connected");
    },
    "when it writes": async (stream) => {
      stream.write(Buffer.alloc(20_000_000));
      await until(() => peer.openCount > 0, "it is connected");
      peer.sockets.at(-1)?.pause();
    },
    "when it has ended": async (stream) => {
      await until(() => peer.openCount > 0, "it is connected");
      peer.sockets.at(-1)?.removeAllListeners("end");
      stream.resume();
      stream.end();
      await until(() => peer.sockets.at(-1)?.readableEnded, "its end has come");
    },
  };
  for (const [moment, reached] of Object.entries(moments)) {
    const stream = dial(peer.port);
    const closed = closing(stream);
    await reached(stream);
    const error = new Error(moment);
    stream.destroy(error);
    assert.ok(stream.destroyed);
    assert.equal(await closed, error);
    for (const socket of peer.sockets) socket.resume();
    await until(() => peer.openCount === 0 || closeHalves(peer), `nothing is left: ${moment}`);
  }
});

/** Ends the peer's sockets that the other side has ended; tells whether all are closed. */
function closeHalves(peer: Peer): boolean {
  for (const socket of peer.sockets) if (socket.readableEnded) socket.end();
  return peer.openCount === 0;
}

test("a stream destroyed during the host lookup closes at once", async () => {
  const stream = dial({ host: "no.such.host.invalid", port: 3306 });
  const closed = closing(stream);
  await new Promise((resolve) => process.nextTick(resolve));
  const error = new Error("The wait was given up");
  stream.destroy(error);
  assert.equal(await closed, error);
});

test(
  "TLS with a peer that speaks none, or ends, fails with the cause",
  { skip: skipsTls },
  async () => {
    await using garbage = await listen((socket) => {
      socket.write("hello");
      socket.once("data", () => socket.resume().write("this is no TLS at all, whatever it is"));
    });
    await using leaver = await listen((socket) => {
      socket.write("hello");
      socket.once("data", () => socket.end());
    });
    for (const peer of [garbage, leaver]) {
      const stream = await greeted(peer);
      stream.write(Buffer.from("please"));
      const error = await failure(stream.startTls?.(plainTls));
      assert.match(error.message, /^TLS could not be started: ./);
      assert.ok(error.cause instanceof Error);
      stream.destroy();
      await until(() => peer.openCount === 0 || closeHalves(peer), "nothing is left of it");
    }
  },
);

test(
  "a stream destroyed during the TLS handshake rejects it, and leaves no socket",
  { skip: skipsTls },
  async () => {
    await using peer = await listen((socket) => {
      socket.write("hello");
      socket.resume().on("end", () => socket.end());
    });
    const stream = await greeted(peer);
    const closed = closing(stream);
    stream.write(Buffer.from("please"));
    const failed = failure(stream.startTls?.(plainTls));
    await until(() => (peer.sockets[0]?.bytesRead ?? 0) > 100, "the handshake has begun");
    const error = new Error("The wait was given up");
    stream.destroy(error);
    assert.match((await failed).message, /^TLS could not be started: /);
    assert.equal(await closed, error);
    // Deno closes only after the handshake has ended; a server waits some seconds at most.
    if (runtime === "deno") peer.sockets[0]?.end();
    await until(() => peer.openCount === 0 || closeHalves(peer), "nothing is left of it");
  },
);

test("unsupported TLS options are refused by name", { skip: skipsTls }, async () => {
  const asked: Record<string, Partial<TlsOptions>> = {
    "`minVersion`, `ciphers`": { others: ["minVersion", "ciphers"] },
    ...(runtime === "deno" && {
      "`rejectUnauthorized: false`": { isChainVerified: false, isNameVerified: false },
      "`cert`, `key`": { cert: "-----BEGIN", key: "-----BEGIN" },
    }),
  };
  await using peer = await listen((socket) => void socket.resume().write("hello"));
  for (const [names, options] of Object.entries(asked)) {
    const stream = await greeted(peer);
    const error = await failure(stream.startTls?.({ ...plainTls, ...options }));
    assert.ok(error.message.includes(` do not support ${names}: `), error.message);
    assert.equal((error.cause as SocketError).code, "ERR_OPTION_UNSUPPORTED");
    stream.destroy();
  }
});
