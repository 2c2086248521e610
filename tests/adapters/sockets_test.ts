/** The behavior of a stream over the runtime's sockets, without faults. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isTcpKnown, tcpEnds, unreadBytes } from "../support/tcp.ts";
import { until } from "../support/wait.ts";
import { closing, dial, noise, readAll, runtime } from "./support/here.ts";
import { echo, listen, sink } from "./support/peer.ts";

const megabyte = 1024 * 1024;
const needsTcp: string | false = !isTcpKnown && "this machine does not tell of its connections";

test("bytes arrive whole and in order in both directions, in pieces of any size", async () => {
  await using peer = await listen(echo);
  const stream = dial(peer.port);
  const sent = noise(3 * megabyte);
  const answer = readAll(stream);
  const sizes = [1, 2, 3, 100, 4095, 4096, 16_384, 70_000, 500_000];
  for (let at = 0, i = 0; at < sent.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    if (!stream.write(sent.subarray(at, at + size))) await once(stream, "drain");
    at += size;
  }
  stream.end();
  assert.ok((await answer).equals(sent));
});

test("a stream never overwrites a chunk that it has emitted", async () => {
  await using peer = await listen(echo);
  const stream = dial(peer.port);
  const got: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => got.push(chunk));
  const closed = closing(stream);
  const sent = noise(40_000);
  for (let at = 0; at < sent.length; at += 500) {
    stream.write(sent.subarray(at, at + 500));
    await until(() => Buffer.concat(got).length >= at + 500, "the piece has come back");
  }
  stream.end();
  await closed;
  assert.ok(Buffer.concat(got).equals(sent));
});

test("a paused stream reads less than 1 MB ahead", { skip: needsTcp }, async () => {
  const bytes = Buffer.alloc(30 * megabyte, "x");
  await using peer = await listen((socket) => void socket.end(bytes));
  const stream = dial(peer.port);
  let length = 0;
  const answer = closing(stream);
  stream.once("data", (chunk: Buffer) => {
    length += chunk.length;
    stream.pause();
  });
  await until(() => stream.isPaused(), "the first bytes have come");
  const socket = peer.sockets[0];
  assert.ok(socket);
  const taken = (): number => socket.bytesWritten - socket.writableLength - unreadBytes(socket);
  let [last, calmSince] = [-1, performance.now()];
  await until(() => {
    if (taken() !== last) [last, calmSince] = [taken(), performance.now()];
    return performance.now() - calmSince > 300;
  }, "nothing more is taken");
  const ahead = taken() - length;
  assert.ok(ahead < megabyte, `${ahead} bytes were read ahead`);
  stream.on("data", (chunk: Buffer) => length += chunk.length);
  stream.resume();
  assert.equal(await answer, undefined);
  assert.equal(length, bytes.length);
});

test("a write completes once the other side reads, and arrives whole", async () => {
  let length = 0;
  await using peer = await listen((socket) => {
    socket.once("data", () => socket.pause());
    socket.on("data", (chunk) => length += chunk.length).on("end", () => socket.end());
  });
  const stream = dial(peer.port);
  const bytes = Buffer.alloc(20 * megabyte, "y");
  const events: string[] = [];
  stream.on("drain", () => events.push("drain"));
  assert.equal(stream.write(bytes, () => events.push("first")), false);
  assert.equal(stream.write(bytes, () => events.push("second")), false);
  await until(() => length > 0, "the first bytes have come");
  assert.equal(events.length, 0);
  peer.sockets[0]?.resume();
  const closed = closing(stream);
  stream.resume();
  await until(() => events.length === 3, "it is written");
  assert.ok(stream.write(Buffer.from("a little")), "there is room");
  stream.end();
  assert.equal(await closed, undefined);
  assert.equal(length, 2 * bytes.length + 8);
  assert.deepEqual(events.sort(), ["drain", "first", "second"]);
});

test("a stream that has ended still receives all that the other side sends", async () => {
  await using peer = await listen((socket) => {
    socket.resume().on("end", () => {
      socket.write("the rest");
      setTimeout(() => socket.end(", and the last"), 50);
    });
  });
  const stream = dial(peer.port);
  const answer = readAll(stream);
  stream.write(Buffer.from("the question"));
  stream.end();
  assert.equal(String(await answer), "the rest, and the last");
});

test("a stream emits all bytes of the other side before its end", async () => {
  const said = noise(300_000);
  await using peer = await listen((socket) => void socket.resume().end(said));
  const stream = dial(peer.port);
  const got: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => got.push(chunk));
  const closed = closing(stream);
  await once(stream, "data");
  stream.pause();
  await until(() => peer.sockets[0]?.writableFinished, "the other side has ended");
  stream.resume();
  assert.equal(await closed, undefined);
  assert.ok(Buffer.concat(got).equals(said));
  await until(() => peer.openCount === 0, "nothing is left of it");
});

test("a socket has keep-alive if its address asks for it", { skip: needsTcp }, async () => {
  await using peer = await listen(sink);
  for (const keepAliveMs of [20_000, undefined]) {
    const stream = dial({ port: peer.port, keepAliveMs });
    const end = (): ReturnType<typeof tcpEnds>[number] | undefined =>
      tcpEnds(peer.port).find(({ peerPort, state }) =>
        peerPort === peer.port && state === "established"
      );
    await until(() => end()?.isKeptAlive === (keepAliveMs !== undefined), "it is connected so");
    const closed = closing(stream);
    stream.destroy();
    await closed;
    await until(() => end() === undefined, "nothing is left of it");
  }
});

test("unix sockets transfer bytes as TCP does", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sockets-"));
  try {
    const socketPath = join(folder, "socket");
    await using _peer = await listen(echo, socketPath);
    const stream = dial({ socketPath });
    const answer = readAll(stream);
    const sent = noise(megabyte);
    stream.write(sent);
    stream.end();
    assert.ok((await answer).equals(sent));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a socket keeps its process alive after ref, and not after unref", async () => {
  await using peer = await listen((socket) => void socket.resume().write("hello"));
  for (const verb of ["unref", "unref early", "ref"]) {
    const path = fileURLToPath(new URL("programs/idle.ts", import.meta.url));
    const options = runtime === "deno" ? ["run", "--allow-all", "--no-check", "--quiet"] : [];
    const child = spawn(process.execPath, [...options, path, String(peer.port), verb], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    const [line] = await once(child.stdout, "data");
    assert.equal(String(line).trim(), "idle");
    if (verb === "ref") peer.sockets.at(-1)?.end();
    const [status] = await exited;
    assert.equal(status, verb === "ref" ? 3 : 0);
  }
});
