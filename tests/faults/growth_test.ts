/**
 * Thousands of cycles leave no object or listener behind. The tests count objects and listeners,
 * because memory use depends on when the runtime collects garbage.
 */

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { after, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { queryObjects } from "node:v8";
import process from "node:process";
import type { Pool } from "../../mod.ts";
import { failure, refused } from "../support/asking.ts";
import { type Flavor, lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { Scene } from "./support/scene.ts";

/** How many cycles follow the first 1,000, which fill caches; fewer where each takes longer. */
const cycleCounts: Readonly<Record<Flavor, number>> = { mariadb: 10_000, mysql: 3_000 };
const firstCount = 1_000;
/** How much the number of objects may grow: by caches, by other libraries. */
const slack = 500;

/** One cycle; `number` counts the cycles. */
type Cycle = (
  scene: Scene,
  db: Pool<"main">,
  signal: AbortSignal,
  number: number,
) => Promise<unknown>;

/** The counts that must not grow. */
interface Counts {
  /** All objects of this process. */
  readonly objects: number;
  /** Listeners of emitters that live as long as the pool or longer. */
  readonly listeners: number;
}

/** The emitters that outlive a lease, whose listeners are counted. */
const emitters = (lease: { connection: object }): NodeJS.EventEmitter[] => {
  const { stream } = lease.connection as { stream: NodeJS.EventEmitter };
  return [lease.connection as NodeJS.EventEmitter, stream, process];
};

async function count(db: Pool<"main">, signal: AbortSignal): Promise<Counts> {
  await until(() => db.stats().size <= 1 && db.stats().waiting === 0, "the pool is calm");
  await using lease = await db.lease();
  const listeners = emitters(lease).reduce(
    (sum, emitter) =>
      sum + emitter.eventNames().reduce((n, name) => n + emitter.listenerCount(name), 0),
    getEventListeners(signal, "abort").length,
  );
  return { objects: await leastObjects(), listeners };
}

/** Returns the lowest of several object counts: objects that await finalization go meanwhile. */
async function leastObjects(): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 20; i++) await turn();
    // queryObjects collects garbage first.
    least = Math.min(least, queryObjects(Object, { format: "count" }));
  }
  return least;
}

/** Runs cycles of one kind; expects that neither objects nor listeners grow with their number. */
async function assertFlat(scene: Scene, cycleCount: number, cycle: Cycle): Promise<void> {
  const db = scene.pool({ connectionLimit: 1 });
  const { signal } = new AbortController();
  let number = 0;
  while (number < firstCount) await cycle(scene, db, signal, number++);
  const first = await count(db, signal);
  while (number < firstCount + cycleCount) await cycle(scene, db, signal, number++);
  scene.proxy.forget();
  const last = await count(db, signal);
  assert.equal(last.listeners, first.listeners);
  assert.ok(last.objects < first.objects + slack, `${first.objects} became ${last.objects}`);
  await scene.agrees(db);
  await scene.tidy();
}

const endings: readonly ((db: Pool<"main">, signal: AbortSignal) => Promise<unknown>)[] = [
  (db, signal) => db.query("SELECT 1", [], { signal }),
  (db, signal) => db.execute("SELECT ?", [1], { signal, timeout: 5_000 }),
  (db, signal) => db.transaction(() => db.query("UPDATE one SET v = 1"), { signal }),
  (db, signal) =>
    failure(db.unit(() => Promise.reject(new Error("no")), { signal, transaction: "main" })),
  (db, signal) => failure(db.query("INSERT INTO one VALUES (1)", [], { signal })),
  (db, signal) => db.unit(() => db.query("SET @a = 1"), { signal }),
  async (db, signal) => (await db.lease({ signal })).release(),
];

const endOfAnyKind: Cycle = (_, db, signal, number) =>
  endings[number % endings.length]?.(db, signal) ?? turn();

const loss: Cycle = async ({ proxy }, db, signal, number) => {
  if (number % 5 > 0) return await db.query("SELECT 1", [], { signal });
  await failure(db.unit(async () => {
    await db.query("SELECT 1");
    proxy.reset();
    await db.query("SELECT 1");
  }, { signal, transaction: "main" }));
};

const wait: Cycle = async (_, db) => {
  await using _lease = await db.lease();
  const own = new AbortController();
  const waiting = failure(db.query("SELECT 1", [], { signal: own.signal }));
  own.abort();
  await waiting;
};

const outage: Cycle = async ({ proxy }, db, signal, number) => {
  const place = number % 1_000;
  if (place === 0) {
    proxy.lead({ host: "127.0.0.1", port: 1 });
    proxy.reset();
    await until(() => db.stats().size === 0, "the loss is noticed");
  } else if (place < 999) {
    await refused(db.query("SELECT 1", [], { signal }), "CONNECT_FAILED");
  } else {
    proxy.lead();
    await until(() => db.query("SELECT 1"), "it serves again");
  }
};

for (const flavor of ["mariadb", "mysql"] as const) {
  const cycleCount = cycleCounts[flavor];
  const many = cycleCount.toLocaleString("en");

  describe(flavor, { skip: lackOf(flavor) ?? false }, () => {
    let scene: Scene;
    before(async () => {
      scene = await Scene.start(flavor);
      await scene.server.query("CREATE TABLE test.one (v INT PRIMARY KEY) ENGINE = InnoDB");
      await scene.server.query("INSERT INTO test.one VALUES (1)");
    });
    after(() => scene?.[Symbol.asyncDispose]());

    test(`${many} units with every kind of outcome leave no object or listener behind`, () =>
      assertFlat(scene, cycleCount, endOfAnyKind));

    test(`${many} cycles, every fifth with a lost connection, leave nothing behind`, () =>
      assertFlat(scene, cycleCount, loss));

    test(`${many} requests that their callers abort in the queue leave nothing behind`, () =>
      assertFlat(scene, cycleCount, wait));

    test(`${many} requests, nearly all to a server that is down, leave nothing behind`, () =>
      assertFlat(scene, cycleCount, outage));
  });
}
