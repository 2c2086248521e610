/**
 * On real servers: what a holder does to the driver's own connection reaches no other holder. The
 * pool closes a connection that was changed, and a kept one refuses calls after the release.
 */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { after, test } from "node:test";
import mysql, { type Connection } from "mysql2";
import { createPool, type Lease, type Pool, SubletError } from "../../mod.ts";
import { failure, one, threadOf } from "../support/asking.ts";
import { type Server, startServer } from "../support/server.ts";
import { removeServers, testOnBoth } from "./support/fixture.ts";

after(removeServers);

let server: Server | undefined;
after(async () => await server?.remove());

async function pool(options: object = {}): Promise<Pool<"main">> {
  server ??= await startServer();
  return createPool({ uri: server.url(), shared: false, connectionLimit: 1, ...options });
}

/** A connection of the driver, with its undocumented parts. */
interface Inner extends EventEmitter {
  config: Record<string, unknown>;
  stream: EventEmitter & { pause(): void };
  format: unknown;
}

function innerOf({ connection }: Lease): Inner {
  return connection as unknown as Inner;
}

/** What a holder may do to a connection that would change it for the next holder. */
const changes: Readonly<Record<string, (lease: Lease) => unknown>> = {
  "it is paused": ({ connection }) => connection.pause(),
  "it is paused by promises": ({ connection }) => connection.promise().pause(),
  "its socket is paused": (lease) => innerOf(lease).stream.pause(),
  "nobody reads its socket": (lease) => innerOf(lease).stream.removeAllListeners("data"),
  "its socket is replaced": (lease) => innerOf(lease).stream = new EventEmitter() as never,
  "its options are replaced": (lease) => innerOf(lease).config = { ...innerOf(lease).config },
  "an option is changed": (lease) => innerOf(lease).config["rowsAsArray"] = true,
  "a time zone is set": (lease) => innerOf(lease).config["timezone"] = "+05:00",
  "SQL is rewritten": (lease) => innerOf(lease).config["queryFormat"] = () => "SELECT 'evil'",
  "values are converted": (lease) => innerOf(lease).config["typeCast"] = () => "evil",
  "an option is added": (lease) => innerOf(lease).config["extra"] = true,
  "an option is deleted": (lease) => delete innerOf(lease).config["jsonStrings"],
  "a list among the options grows": (lease) =>
    (innerOf(lease).config["dateStrings"] as string[]).push("DATETIME"),
  "an object among the options is changed": (lease) =>
    (innerOf(lease).config["connectAttributes"] as Record<string, string>)["mine"] = "x",
  "the driver writes in another character set": (lease) =>
    innerOf(lease).config["charsetNumber"] = 8,
  "a method is replaced": (lease) => innerOf(lease).format = () => "SELECT 'evil'",
  "a method is defined": ({ connection }) =>
    Object.defineProperty(connection, "query", { value: () => undefined, configurable: true }),
  "its options are frozen": (lease) => Object.freeze(innerOf(lease).config),
  "somebody listens to errors": ({ connection }) => connection.on("error", () => undefined),
  "somebody listens by promises": ({ connection }) => {
    connection.promise().on("enqueue" as "error", () => undefined);
  },
  "somebody listens to what nobody did": (lease) => innerOf(lease).once("mine", () => undefined),
  "nobody listens any more": ({ connection }) => connection.removeAllListeners(),
};

for (const [name, change] of Object.entries(changes)) {
  test(`a connection is closed at its release, not lent on, if ${name}`, async () => {
    await using db = await pool({ dateStrings: ["DATE"] });
    const lease = await db.lease();
    const { threadId } = lease;
    change(lease);
    lease.release();
    const [rows] = await db.query("SELECT ? AS v", ["mine"]);
    assert.deepEqual(rows, [{ v: "mine" }]);
    assert.notEqual(await threadOf(db), threadId);
  });
}

test("a change that the holder undoes, or a mere read, closes no connection", async () => {
  await using db = await pool();
  const thread = await threadOf(db);
  for (let round = 0; round < 3; round++) {
    await using lease = await db.lease();
    const { connection } = lease;
    const listen = (): void => undefined;
    connection.on("error", listen).off("error", listen);
    connection.pause();
    connection.resume();
    const { timezone } = innerOf(lease).config;
    Object.assign(innerOf(lease).config, { timezone: "Z" });
    Object.assign(innerOf(lease).config, { timezone });
    await connection.promise().query("SELECT 1");
    await connection.promise().execute("SELECT 1");
    assert.equal(connection.escape("it's"), "'it\\'s'");
  }
  assert.equal(await threadOf(db), thread);
});

test("changes by initSql and `connection` listeners are part of a new connection", async () => {
  await using db = await pool({
    initSql: async (connection: Connection) => {
      connection.config.namedPlaceholders = true;
      await connection.promise().query("SET @a = 1");
    },
  });
  db.on("connection", ({ connection }) => void connection.on("error", () => undefined));
  const thread = await threadOf(db);
  for (let round = 0; round < 2; round++) {
    await using lease = await db.lease();
    const [rows] = await lease.connection.promise().query("SELECT :v AS v", { v: 7 });
    assert.deepEqual(rows, [{ v: 7 }]);
  }
  assert.equal(await threadOf(db), thread);
});

test("the pool does not lend a connection whose options changed after its release", async () => {
  await using db = await pool();
  const lease = await db.lease();
  const { threadId } = lease;
  const { config } = innerOf(lease);
  lease.release();
  config["rowsAsArray"] = true;
  await db.query("SELECT 1");
  assert.notEqual(await threadOf(db), threadId);
});

test("the connection of a lease is a driver's connection, and the lease's own object", async () => {
  await using db = await pool();
  await using lease = await db.lease();
  const { connection } = lease;
  assert.ok(connection instanceof mysql.Connection);
  assert.ok(connection instanceof EventEmitter);
  assert.equal(lease.connection, connection);
  assert.equal(connection.query, connection.query);
  assert.equal(connection.threadId, lease.threadId);
  assert.equal(connection.on("drain", () => undefined), connection);
  assert.equal(connection.state, "authenticated");
  connection.removeAllListeners("drain");
  assert.throws(() => Object.setPrototypeOf(connection, null), TypeError);
  assert.throws(() => Object.freeze(connection), TypeError);
});

/** Calls on a connection, and how each reports its error. */
const asks: Readonly<Record<string, (connection: Connection, handle: Handle) => unknown>> = {
  "query by a callback": (connection) => called((answer) => connection.query("DO 1", answer)),
  "execute by a callback": (connection) => called((answer) => connection.execute("DO 1", answer)),
  "prepare by a callback": (connection) => called((answer) => connection.prepare("DO 1", answer)),
  "ping by a callback": (connection) => called((answer) => connection.ping(answer)),
  "commit by a callback": (connection) => called((answer) => connection.commit(answer)),
  "query by a promise": (connection) => connection.promise().query("DO 1"),
  "execute by a promise": (connection) => connection.promise().execute("DO 1"),
  "begin by a promise": (connection) => connection.promise().beginTransaction(),
  "change of user by a promise": (connection) => connection.promise().changeUser({}),
  "reset by a promise": (connection) => connection.promise().reset(),
  "end by a promise": (connection) => connection.promise().end(),
  "a prepared statement": (_, handle) => handle.execute([]),
  "a stream": async (connection) => {
    for await (const _ of connection.query("SELECT 1").stream()) assert.fail("A row came");
  },
  "events": (connection) => heard(connection.query("SELECT 1")),
  "events of execute": (connection) => heard(connection.execute("SELECT 1")),
  "a method of the class": (connection) =>
    called((answer) =>
      Reflect.apply(mysql.Connection.prototype.query, connection, ["DO 1", answer])
    ),
  "pause": (connection) => connection.pause(),
  "resume by promises": (connection) => connection.promise().resume(),
  "destroy": (connection) => connection.destroy(),
  "a new listener": (connection) => connection.on("error", () => undefined),
  "a change": (connection) => Object.assign(connection, { format: undefined }),
};

interface Handle {
  execute(values: unknown[]): Promise<unknown>;
  close(): Promise<void>;
}

function called(ask: (answer: (error: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => ask((error) => error ? reject(error) : resolve()));
}

async function heard(command: EventEmitter): Promise<never> {
  throw (await once(command, "error"))[0];
}

testOnBoth("a kept connection refuses late statements", async (
  { db, proxy },
) => {
  const lease = await db.lease();
  const { connection, threadId } = lease;
  const handle = await connection.promise().prepare("DO 1") as unknown as Handle;
  const { query } = connection.promise();
  lease.release();
  await db.transaction(async () => {
    assert.equal(await threadOf(db), threadId);
    proxy.forget();
    for (const [name, ask] of Object.entries(asks)) {
      const error = await failure((async () => await ask(connection, handle))());
      assert.ok(error instanceof SubletError && error.code === "LEASE_ENDED", `${name}: ${error}`);
    }
    const kept = Reflect.apply(query, connection.promise(), ["DO 1"]);
    assert.equal((await failure(kept) as SubletError).code, "LEASE_ENDED");
    // Code makes these calls at its end; they have no effect.
    await handle.close();
    connection.off("error", assert.fail);
    assert.deepEqual(proxy.forget(), []);
    assert.equal(await one(db, "SELECT 'mine'"), "mine");
  });
  assert.equal(await threadOf(db), threadId);
});

test("the next holder gets a new object for a connection that its last holder kept", async () => {
  await using db = await pool();
  const first = await db.lease();
  const { connection: kept, threadId } = first;
  first.release();
  await using second = await db.lease();
  assert.equal(second.threadId, threadId);
  assert.notEqual(second.connection, kept);
  const [rows] = await second.connection.promise().query("SELECT 7 AS v");
  assert.deepEqual(rows, [{ v: 7 }]);
  assert.equal((await failure(kept.promise().query("DO 1")) as SubletError).code, "LEASE_ENDED");
});
