/**
 * On real servers: a holder's changes to the driver's connection never reach the next holder:
 * the pool closes a connection whose parts changed, and drops properties that a holder adds.
 */

import assert from "node:assert/strict";
import type { EventEmitter } from "node:events";
import type { Readable } from "node:stream";
import { after, test } from "node:test";
import type { Connection } from "mysql2";
import { createPool, type Lease, type Pool } from "../../mod.ts";
import { threadOf } from "../support/asking.ts";
import { type Server, startServer } from "../support/server.ts";

const servers: Map<string, Server> = new Map();
after(async () => await Promise.all(Array.from(servers.values(), (server) => server.remove())));

const flavors = ["mariadb", "mysql"] as const;

async function pool(flavor: (typeof flavors)[number], options: object = {}): Promise<Pool<"main">> {
  const server = servers.get(flavor) ?? await startServer({ flavor });
  servers.set(flavor, server);
  return createPool({ uri: server.url(), shared: false, connectionLimit: 1, ...options });
}

/** The driver's packet parser. */
interface Parser {
  onPacket: (packet: unknown) => unknown;
}

/** The parts of a driver's connection. */
interface Parts extends EventEmitter {
  config: object;
  stream: Readable & Record<string, unknown> & {
    cork(): void;
    setTimeout?(ms: number, then: () => void): void;
  };
  packetParser: Parser;
  _commands: { push: unknown };
  _handshakePacket: { serverVersion: string };
  _statements: Map<string, { id: number }>;
}

function partsOf({ connection }: Lease): Parts {
  return connection as unknown as Parts;
}

const nothing = (): void => undefined;

/** Changes that a holder may make to the parts. */
const changes: Readonly<Record<string, (lease: Lease) => unknown>> = {
  "its socket is corked": (lease) => partsOf(lease).stream.cork(),
  "its socket reads text": (lease) => partsOf(lease).stream.setEncoding("latin1"),
  "its socket has a time": (lease) => partsOf(lease).stream.setTimeout?.(60_000, nothing),
  "its socket may have more listeners": (lease) => partsOf(lease).stream.setMaxListeners(99),
  "somebody else reads its socket": (lease) => {
    const { stream } = partsOf(lease);
    const [read] = stream.listeners("data") as ((data: unknown) => void)[];
    stream.removeAllListeners("data").on("data", (data) => read?.(data));
  },
  "somebody listens to its socket": (lease) => partsOf(lease).stream.on("drain", nothing),
  "what is sent is changed": (lease) => Object.assign(partsOf(lease).stream, { write: nothing }),
  "what is sent is changed unseen": (lease) =>
    Object.defineProperty(partsOf(lease).stream, "write", { value: nothing, configurable: true }),
  "its socket has another class": (lease) =>
    Object.setPrototypeOf(
      partsOf(lease).stream,
      Object.create(Object.getPrototypeOf(partsOf(lease).stream)),
    ),
  "its socket cannot be destroyed": (lease) => {
    Object.assign(partsOf(lease).stream, { destroy: nothing });
  },
  "packets are read by another": (lease) => {
    const { packetParser } = partsOf(lease);
    const { onPacket } = packetParser;
    packetParser.onPacket = (packet) => onPacket(packet);
  },
  "the commands are kept by another": (lease) => partsOf(lease)._commands.push = nothing,
  "the server has another version": (lease) =>
    partsOf(lease)._handshakePacket.serverVersion = "5.0",
  "what is prepared is changed": async (lease) => {
    const driver = lease.connection.promise();
    await driver.execute("SELECT ? AS v", ["first"]);
    await driver.execute("SELECT 'evil' AS v");
    const { _statements } = partsOf(lease);
    const [[key], [, other]] = [..._statements.entries()] as [[string, never], [string, never]];
    _statements.set(key, other);
  },
  "the number of what is prepared is changed": async (lease) => {
    await lease.connection.promise().execute("SELECT ? AS v", ["first"]);
    for (const handle of partsOf(lease)._statements.values()) handle.id++;
  },
  "the cache of what is prepared is changed": (lease) =>
    Object.assign(partsOf(lease)._statements, { get: nothing }),
  "its options get a symbol": (lease) =>
    Object.assign(partsOf(lease).config, { [Symbol("mine")]: 1 }),
  "it may have more listeners": ({ connection }) => void connection.setMaxListeners(99),
};

for (const [name, change] of Object.entries(changes)) {
  for (const flavor of flavors) {
    test(`on ${flavor} the pool closes a connection at its release if ${name}`, async () => {
      await using db = await pool(flavor);
      const lease = await db.lease();
      const { threadId } = lease;
      await change(lease);
      lease.release();
      const [rows] = await db.execute("SELECT ? AS v", ["mine"], { timeout: 5_000 });
      assert.deepEqual(rows, [{ v: "mine" }]);
      assert.notEqual(await threadOf(db), threadId);
    });
  }
}

for (const flavor of flavors) {
  for (const options of [{}, { compress: true }, { tls: "prefer" }]) {
    const way = Object.keys(options)[0] ?? "plain";
    test(`on ${flavor} a connection whose parts are only read stays open, ${way}`, async () => {
      await using db = await pool(flavor, options);
      const thread = await threadOf(db);
      for (let round = 0; round < 3; round++) {
        await using lease = await db.lease();
        const parts = partsOf(lease);
        const driver = lease.connection.promise();
        assert.ok(parts.config && parts.packetParser && parts._handshakePacket);
        assert.ok(parts.stream["remoteAddress"] !== null && parts._statements.entries());
        await driver.query("SELECT REPEAT('x', 100000)");
        await driver.execute("SELECT ? AS v", [round]);
        await driver.execute(`SELECT ${round} AS v`);
        for await (const _ of lease.connection.query("SELECT 1 UNION SELECT 2").stream());
        parts.stream.on("drain", nothing).off("drain", nothing);
      }
      assert.equal(await threadOf(db), thread);
    });
  }
}

test("properties that a holder adds end with the lease, and cost nothing", async () => {
  await using db = await pool("mariadb");
  const thread = await threadOf(db);
  const mine = Symbol("mine");
  const first = await db.lease();
  const { connection } = first;
  Object.assign(connection, { __knexUid: 7, [mine]: 8 });
  Object.defineProperty(connection, "fixed", { value: 9 });
  assert.equal(Reflect.get(connection, "__knexUid"), 7);
  assert.equal(Reflect.get(connection, mine), 8);
  assert.ok("__knexUid" in connection && Object.keys(connection).includes("__knexUid"));
  assert.equal(Object.getOwnPropertyDescriptor(connection, "fixed")?.value, 9);
  assert.ok(Reflect.deleteProperty(connection, mine) && !(mine in connection));
  first.release();
  assert.throws(() => Object.assign(connection, { late: 1 }), { code: "LEASE_ENDED" });
  await using second = await db.lease();
  assert.equal(second.threadId, thread);
  assert.ok(!("__knexUid" in second.connection) && !("fixed" in second.connection));
});

/** Ways to leave a stream unfinished. */
const leaving: Readonly<Record<string, (connection: Connection) => Readable>> = {
  "unread": (connection) => connection.query("SELECT * FROM seq_1_to_1000000").stream(),
  "that was prepared": (connection) => connection.execute("SELECT SLEEP(60)").stream(),
  "with a listener to rows": (connection) => {
    return connection.query("SELECT SLEEP(60)").stream().on("data", nothing);
  },
};

for (const [name, leave] of Object.entries(leaving)) {
  test(`a stream that is left ${name} does not end the process`, async () => {
    const uncaught: unknown[] = [];
    const note = (error: unknown): unknown => uncaught.push(error);
    process.on("uncaughtException", note);
    try {
      await using db = await pool("mariadb");
      const lease = await db.lease();
      const stream = leave(lease.connection);
      await new Promise((resolve) => setTimeout(resolve, 50));
      lease.release();
      assert.equal((await db.query("SELECT 1 AS v"))[0].length, 1);
      await assert.rejects(async () => {
        for await (const _ of stream);
      }, Error);
      assert.deepEqual(uncaught, []);
    } finally {
      process.off("uncaughtException", note);
    }
  });
}
