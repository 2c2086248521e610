/** A stream over the runtime's sockets emits and returns the same as a socket of Node. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { SocketStream } from "../../src/port/socket.ts";
import { until } from "../support/wait.ts";
import { closing, dial, noise, type SocketError } from "./support/here.ts";
import { echo, listen, type Peer, sink } from "./support/peer.ts";

/** The codes of writes that a destroyed stream has not sent; Node has several. */
const destroyedCode = /^(ERR_STREAM_DESTROYED|ERR_SOCKET_CLOSED_BEFORE_CONNECTION|ECANCELED)$/;

const megabyte = 1024 * 1024;

/** Records the `end`, `error` and `close` events of a stream, in order. */
function endingOf(stream: SocketStream): string[] {
  const events: string[] = [];
  stream.on("end", () => events.push("end"));
  stream.on("error", ({ message }: Error) => events.push(message));
  stream.on("close", () => events.push("close"));
  return events;
}

/** Waits until a stream has closed, with or without an error. */
async function closed(events: readonly string[]): Promise<void> {
  await until(() => events.includes("close"), "it has closed");
}

/** Waits for a round trip on another stream, so that all pending events have been emitted. */
async function settled(): Promise<void> {
  await using peer = await listen(echo);
  const stream = dial(peer.port);
  const error = closing(stream);
  stream.write(Buffer.from("a round trip"));
  await once(stream, "data");
  stream.end();
  assert.equal(await error, undefined);
}

/** Listens, and never reads. */
function deaf(): Promise<Peer> {
  return listen((socket) => void socket.pause());
}

const later: Readonly<Record<string, (then: () => void) => unknown>> = {
  "at once": (then) => then(),
  "in a microtask": queueMicrotask,
  "in the next turn": setImmediate,
};

for (const [moment, call] of Object.entries(later)) {
  test(`a reader that pauses, and resumes ${moment}, gets all bytes in order`, async () => {
    const sent = noise(3 * megabyte);
    await using peer = await listen((socket) => void socket.resume().end(sent));
    const stream = dial(peer.port);
    const got: Buffer[] = [];
    let isPaused = false;
    stream.on("data", (bytes: Buffer) => {
      assert.ok(!isPaused, "it gets nothing while it is paused");
      got.push(bytes);
      isPaused = true;
      stream.pause();
      call(() => {
        isPaused = false;
        stream.resume();
      });
    });
    assert.equal(await closing(stream), undefined);
    assert.ok(Buffer.concat(got).equals(sent));
  });
}

test("a stream emits nothing before it has a listener for data", async () => {
  await using peer = await listen((socket) => void socket.resume().end("hello"));
  const stream = dial(peer.port);
  const events = endingOf(stream);
  await until(() => peer.sockets[0]?.writableFinished, "the other side has ended");
  await settled();
  assert.deepEqual(events, []);
  const [bytes] = await once(stream, "data");
  assert.ok(Buffer.isBuffer(bytes));
  assert.equal(String(bytes), "hello");
  await closed(events);
  assert.deepEqual(events, ["end", "close"]);
});

test("a paused stream emits no data until it is resumed", async () => {
  await using peer = await listen((socket) => void socket.resume().write("hello"));
  const stream = dial(peer.port);
  const got: string[] = [];
  stream.pause();
  stream.on("data", (bytes: Buffer) => got.push(String(bytes)));
  await until(() => peer.openCount > 0, "it is connected");
  await settled();
  assert.ok(stream.isPaused());
  assert.deepEqual(got, []);
  for (const expected of ["hello", "again"]) {
    stream.resume();
    assert.ok(!stream.isPaused());
    assert.equal(got.length, 0, "nothing comes before resume returns");
    await until(() => got.length > 0, "the bytes have come");
    assert.deepEqual(got.splice(0), [expected]);
    stream.pause();
    peer.sockets[0]?.write("again");
    await settled();
    assert.equal(got.length, 0);
  }
  stream.destroy();
});

test("a stream sends all bytes written before its end, even before it connects", async () => {
  const sent = noise(10 * megabyte);
  for (const isConnected of [false, true]) {
    const got: Buffer[] = [];
    await using peer = await listen((socket) => {
      socket.pause().on("data", (bytes) => got.push(bytes)).on("end", () => socket.end());
    });
    const stream = dial(peer.port);
    const events = endingOf(stream);
    stream.resume();
    if (isConnected) await until(() => peer.openCount > 0, "it is connected");
    let writtenCount = 0;
    for (let at = 0; at < sent.length; at += megabyte) {
      stream.write(sent.subarray(at, at + megabyte), (error) => {
        assert.ok(!error);
        writtenCount++;
      });
    }
    stream.end();
    assert.ok(!stream.writable);
    await until(() => peer.openCount > 0, "it is connected");
    peer.sockets[0]?.resume();
    await closed(events);
    assert.ok(Buffer.concat(got).equals(sent));
    assert.equal(writtenCount, 10);
    assert.deepEqual(events, ["end", "close"]);
  }
});

test("a stream emits the other side's end once, and closes after its pending writes", async () => {
  const sent = noise(10 * megabyte);
  const got: Buffer[] = [];
  await using peer = await listen((socket) => {
    socket.end("bye");
    socket.pause().on("data", (bytes) => got.push(bytes));
  });
  const stream = dial(peer.port);
  const events = endingOf(stream);
  stream.write(sent);
  stream.resume();
  await until(() => events.includes("end"), "the end is emitted");
  assert.ok(!stream.destroyed);
  peer.sockets[0]?.resume();
  await closed(events);
  assert.ok(stream.destroyed);
  await until(() => peer.sockets[0]?.readableEnded, "all has arrived");
  assert.ok(Buffer.concat(got).equals(sent));
  await settled();
  assert.deepEqual(events, ["end", "close"]);
});

for (const reason of [new Error("The reason"), undefined]) {
  const how = reason === undefined ? "without an error" : "with an error";
  test(`a stream destroyed ${how} closes once, and fails its pending writes`, async () => {
    for (const isConnected of [false, true]) {
      await using peer = await deaf();
      const stream = dial(peer.port);
      const events = endingOf(stream);
      const failures: (SocketError | null | undefined)[] = [];
      if (isConnected) await until(() => peer.openCount > 0, "it is connected");
      stream.write(Buffer.alloc(20 * megabyte));
      stream.write(Buffer.from("never"), (error) => failures.push(error));
      stream.destroy(reason);
      stream.destroy(new Error("Another reason"));
      assert.deepEqual([events, failures], [[], []], "nothing is emitted before it returns");
      assert.ok(stream.destroyed && !stream.writable);
      await closed(events);
      assert.equal(failures.length, 1);
      if (reason !== undefined) assert.equal(failures[0], reason);
      else assert.match(failures[0]?.code ?? "", destroyedCode);
      await settled();
      assert.deepEqual(events, [...(reason === undefined ? [] : [reason.message]), "close"]);
      for (const socket of peer.sockets) socket.resume();
      await until(() => peer.sockets.every((socket) => socket.readableEnded), "its end has come");
    }
  });
}

test("a stream that its listener destroys emits no more data", async () => {
  await using peer = await listen((socket) => void socket.resume().end(noise(megabyte)));
  const stream = dial(peer.port);
  const events = endingOf(stream);
  let dataCount = 0;
  stream.on("data", () => {
    dataCount++;
    stream.destroy(new Error("Enough"));
  });
  await closed(events);
  await settled();
  assert.equal(dataCount, 1);
  assert.deepEqual(events, ["Enough", "close"]);
});

test("a write after the end fails, and so does its stream", async () => {
  await using peer = await listen(sink);
  const stream = dial(peer.port);
  const error = closing(stream);
  stream.end();
  const failure = Promise.withResolvers<SocketError | null | undefined>();
  assert.equal(stream.write(Buffer.from("late"), failure.resolve), false);
  assert.equal((await failure.promise)?.code, "ERR_STREAM_WRITE_AFTER_END");
  assert.equal((await error)?.code, "ERR_STREAM_WRITE_AFTER_END");
});

test("a write after the other side's end fails with EPIPE", async () => {
  await using peer = await listen((socket) => void socket.pause().end("bye"));
  const stream = dial(peer.port);
  const error = closing(stream);
  const ended = once(stream, "end");
  stream.write(Buffer.alloc(20 * megabyte));
  stream.resume();
  await ended;
  await settled();
  const failure = Promise.withResolvers<SocketError | null | undefined>();
  assert.equal(stream.write(Buffer.from("late"), failure.resolve), false);
  assert.equal((await failure.promise)?.code, "EPIPE");
  assert.equal((await error)?.code, "EPIPE");
});

test("a write to a destroyed stream fails, and the stream emits no error", async () => {
  await using peer = await listen(sink);
  const stream = dial(peer.port);
  const events = endingOf(stream);
  stream.destroy();
  const failure = Promise.withResolvers<SocketError | null | undefined>();
  assert.equal(stream.write(Buffer.from("late"), failure.resolve), false);
  assert.equal((await failure.promise)?.code, "ERR_STREAM_DESTROYED");
  await settled();
  assert.deepEqual(events, ["close"]);
});
