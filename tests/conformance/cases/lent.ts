/** The driver's own connection, which a lease hands out: its commands, and what ends them. */

import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import type { Lease } from "../../../mod.ts";
import { endless, failure, one, refused, threadOf } from "../../support/asking.ts";
import { both, Suite } from "../suite/suite.ts";

/** Tests of the driver's own connection. */
export const lent: Suite = new Suite();

const reason = new Error("The client has gone");
/** More rows than any test reads. */
const rows = "SELECT REPEAT('x', 1000) AS x FROM information_schema.columns a, " +
  "information_schema.columns b";
const oneRequest = "in Workers no request can wait for what another one does";

async function read(lease: Lease, sql: string, then: () => unknown): Promise<void> {
  const stream: Readable = lease.connection.query(sql).stream({ highWaterMark: 2 });
  let count = 0;
  for await (const _ of stream) if (count++ === 0) await then();
}

lent.test(
  "a stream whose connection is killed ends with that error",
  { on: both },
  async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const unit = db.unit(async () => {
      await using lease = await db.lease();
      const { threadId } = lease;
      await read(lease, rows, () => world.server.query(`KILL ${threadId}`));
    });
    assert.ok(await failure(unit) instanceof Error);
    assert.equal(await one(db, "SELECT 7"), 7);
  },
);

lent.test(
  "a stream that has no row yet ends at its unit's signal",
  { on: both },
  async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const abort = new AbortController();
    const unit = failure(db.unit(async () => {
      await using lease = await db.lease();
      await read(lease, endless, () => undefined);
    }, { signal: abort.signal }));
    const thread = await world.server.busyThread();
    abort.abort(reason);
    assert.equal(await unit, reason);
    if (world.runtime === "workerd") await world.server.query(`KILL ${thread}`);
    assert.equal(await one(db, "SELECT 7"), 7);
  },
);

lent.test("an abort also ends later statements of a text, and the connection serves the next", {
  on: both,
  gaps: { workerd: oneRequest },
}, async (world) => {
  const db = world.pool({ connectionLimit: 1, multipleStatements: true });
  const thread = await threadOf(db);
  const abort = new AbortController();
  const text = "DO 1; DO SLEEP(5); SELECT SLEEP(5); DO SLEEP(5)";
  const attempt = failure(db.query(text, [], { signal: abort.signal }));
  await world.server.busyThread();
  abort.abort(reason);
  assert.equal(await attempt, reason);
  assert.equal(await threadOf(db), thread);
  await world.server.awaitOnly(thread);
});

lent.test("a connection that its holder destroys during a statement ends at the server", {
  on: both,
  gaps: { workerd: oneRequest },
}, async (world) => {
  const db = world.pool({ connectionLimit: 1 });
  const lease = await db.lease();
  lease.connection.query("SELECT SLEEP(10)").on("error", () => undefined);
  await world.server.busyThread();
  lease.connection.destroy();
  lease.release();
  assert.equal(await one(db, "SELECT 7"), 7);
  assert.deepEqual(await world.server.busyThreads(), []);
});

lent.test("the pool does not lend a connection that its holder changed", {}, async (world) => {
  const db = world.pool({ connectionLimit: 1 });
  const changes: readonly ((lease: Lease) => unknown)[] = [
    ({ connection }) => connection.pause(),
    ({ connection }) => Object.assign(connection.config, { rowsAsArray: true }),
    ({ connection }) => Object.assign(connection.config, { queryFormat: () => "SELECT 'evil'" }),
    ({ connection }) => Object.assign(connection, { format: () => "SELECT 'evil'" }),
    ({ connection }) => connection.on("error", () => undefined),
  ];
  for (const change of changes) {
    const lease = await db.lease();
    const { threadId } = lease;
    change(lease);
    lease.release();
    const [found] = await db.query("SELECT ? AS v", ["mine"]);
    assert.deepEqual(found, [{ v: "mine" }]);
    assert.notEqual(await threadOf(db), threadId);
  }
});

lent.test("a connection that was kept refuses late statements", {}, async (world) => {
  const db = world.pool({ connectionLimit: 1 });
  const lease = await db.lease();
  const { connection, threadId } = lease;
  await connection.promise().query("SELECT 1");
  lease.release();
  await using next = await db.lease();
  assert.equal(next.threadId, threadId);
  await refused(connection.promise().query("DO 1"), "LEASE_ENDED");
  await refused(connection.promise().execute("DO 1"), "LEASE_ENDED");
  assert.throws(() => connection.destroy(), { code: "LEASE_ENDED" });
  assert.equal(await one(next, "SELECT 7"), 7);
});
