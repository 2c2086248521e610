/**
 * Faults of a client: a frozen process, a blocked event loop, a changed wall clock, no free file
 * descriptors, sessions that the server ends as inactive, a changed password.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Chance } from "../../examples/demo/chance.ts";
import { clientFaults } from "../chaos/client_faults.ts";
import { isLoss, one, refused, threadOf, timed } from "../support/asking.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { Branch } from "./support/branch.ts";
import { Scene } from "./support/scene.ts";

/** How soon a bank has to carry out transfers again, in ms. */
const recoveryMsMax = 1_000;
/** Longer than the `wait_timeout` set here, in ms. */
const longMs = 1_300;

const still = new Int32Array(new SharedArrayBuffer(4));

/** A transaction that sends no statement for longer than `wait_timeout`. */
async function isEndedForSilence(scene: Scene): Promise<void> {
  await scene.server.query("SET GLOBAL wait_timeout = 1");
  const db = scene.pool();
  const gone = db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    const thread = await threadOf(db);
    await until(async () => !await hasThread(scene, thread), "the server has ended it");
    await db.query("INSERT INTO t VALUES (2)");
  });
  const outcome = await gone.then(() => undefined, (error: unknown) => error);
  assert.ok(isLoss(outcome), String(outcome));
  assert.equal(await one(db, "SELECT 1"), 1);
  await scene.agrees(db);
  assert.deepEqual(await scene.takeValues(), []);
}

/** A process whose event loop is blocked for longer than `wait_timeout`. */
async function lendsNoneThatDied(scene: Scene): Promise<void> {
  await scene.server.query("SET GLOBAL wait_timeout = 1");
  const db = scene.pool({ uri: scene.server.url(), connectionLimit: 4 });
  const threads = await Promise.all([1, 2, 3, 4].map(async () => {
    await using lease = await db.lease();
    return lease.threadId;
  }));
  Atomics.wait(still, 0, 0, longMs);
  const answers = await Promise.all([1, 2, 3, 4].map(() => threadOf(db)));
  assert.ok(answers.every((thread) => !threads.includes(thread)));
  await scene.agrees(db);
}

/** A wall clock that jumps while a connection is idle. */
async function checksAfterJump(scene: Scene): Promise<void> {
  const { now } = Date;
  const db = scene.pool({ connectionLimit: 1, idleTimeout: 3_600_000, validateAfter: 60_000 });
  const thread = await threadOf(db);
  try {
    scene.proxy.forget();
    Date.now = () => now() - 7_200_000;
    assert.equal(await threadOf(db), thread);
    assert.deepEqual(scene.proxy.forget(), ["QUERY SELECT CONNECTION_ID()"]);
    Date.now = () => now() - 7_200_000 + 120_000;
    assert.equal(await threadOf(db), thread);
    assert.deepEqual(scene.proxy.forget(), ["PING", "QUERY SELECT CONNECTION_ID()"]);
  } finally {
    Date.now = now;
  }
}

/** A wall clock that jumps while a connection is in use. */
async function keepsWhatIsInUse(scene: Scene): Promise<void> {
  const { now } = Date;
  const db = scene.pool({ connectionLimit: 1 });
  try {
    await db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (1)");
      for (const jumpMs of [86_400_000, -86_400_000, 3_600_000]) {
        Date.now = () => now() + jumpMs;
        assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 1);
      }
    });
  } finally {
    Date.now = now;
  }
  assert.deepEqual(await scene.takeValues(), [1]);
}

/** A password that changes at the server, and in the pool's password function. */
async function takesNextPassword(scene: Scene): Promise<void> {
  const { server } = scene;
  let password = "secret";
  const db = scene.pool({ connectionLimit: 2, password: () => Promise.resolve(password) });
  const thread = await threadOf(db);
  await server.query("ALTER USER app IDENTIFIED BY 'next'");
  try {
    password = "next";
    assert.equal(await threadOf(db), thread, "who is connected stays so");
    scene.proxy.reset();
    await until(() => db.stats().size === 0, "the loss is noticed");
    assert.notEqual(await threadOf(db), thread);
    password = "wrong";
    scene.proxy.reset();
    await until(() => db.stats().size === 0, "the loss is noticed");
    const { cause } = await refused(threadOf(db), "CONNECT_FAILED");
    assert.equal((cause as { errno?: unknown }).errno, 1045);
    password = "next";
    const recoveryMs = await timed(until(() => threadOf(db), "it is let in"));
    assert.ok(recoveryMs < recoveryMsMax, `it took ${recoveryMs} ms`);
  } finally {
    await server.query("ALTER USER app IDENTIFIED BY 'secret'");
  }
}

async function hasThread({ server }: Scene, thread: number): Promise<boolean> {
  const rows = await server.query<{ Id: number }>("SHOW PROCESSLIST");
  return rows.some(({ Id }) => Number(Id) === thread);
}

for (const make of ["mariadb", "mysql"] as const) {
  const skip = lackOf(make) ?? false;

  describe(`${make}, a bank in a process of its own`, { skip }, () => {
    let branch: Branch;
    before(async () => {
      branch = await Branch.start(make);
    });
    after(() => branch?.[Symbol.asyncDispose]());

    for (const fault of clientFaults) {
      test(`after ${fault.kind} requests settle, the bank goes on, its books agree`, async () => {
        const chance = new Chance(1);
        await branch.open();
        const end = await fault.begin(branch, chance);
        await sleep(chance.between(...fault.lastsMs));
        await end();
        const recoveryMs = await timed(branch.isAtWork(1));
        assert.ok(recoveryMs < recoveryMsMax, `it took ${recoveryMs} ms`);
        await branch.close();
      });
    }
  });

  describe(make, { skip }, () => {
    let scene: Scene;
    before(async () => {
      scene = await Scene.start(make);
    });
    afterEach(() => scene.tidy());
    after(() => scene?.[Symbol.asyncDispose]());

    test("a transaction idle for longer than wait_timeout fails, and no other request does", () =>
      isEndedForSilence(scene));

    test("the pool lends no connection that died while the event loop was blocked", () =>
      lendsNoneThatDied(scene));

    test("the pool pings idle connections after the wall clock jumps forward, not back", () =>
      checksAfterJump(scene));

    test("a connection in use survives every jump of the wall clock", () =>
      keepsWhatIsInUse(scene));

    test("a password function may return a new password while the pool runs", () =>
      takesNextPassword(scene));
  });
}
