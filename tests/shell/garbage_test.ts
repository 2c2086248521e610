/** A handle without references counts as drained once it is garbage-collected. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { until } from "../support/wait.ts";
import { createShared, type Shared } from "./support/handles.ts";
import { settled } from "./support/manual_clock.ts";
import { type FakePool, refused, seen } from "./support/pool.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** After how many garbage collections a pool that is still open counts as kept. */
const collectionCount = 10;

/** The parts of a pool that do not refer to its handles. */
type Rest = Pick<Shared, "another" | "connector">;

/** Creates a pool with two handles, drops both, and returns the result of `keep` for one. */
async function forget<Kept>(
  keep: (db: FakePool<"main">) => Kept,
  options: { readonly shared?: boolean } = {},
): Promise<Rest & { readonly kept: Kept }> {
  const { one, another, connector } = createShared(options);
  await seen(one);
  return { kept: keep(one), another, connector };
}

/** Collects garbage until a pool has ended. */
async function ended({ connector }: Rest): Promise<void> {
  await until(() => {
    collectGarbage();
    return connector.open.length === 0;
  }, "the pool has ended");
}

/** Collects garbage often enough to end a pool without handles; expects this one to be open. */
async function expectOpen({ connector }: Rest): Promise<void> {
  for (let i = 0; i < collectionCount; i++) {
    collectGarbage();
    await settled();
    await settled();
  }
  assert.equal(connector.open.length, 1);
}

test("a pool ends with its garbage-collected handles; its definition makes a new one", async () => {
  const rest = await forget(() => undefined);
  await ended(rest);
  await using db = rest.another();
  await seen(db);
  assert.equal(rest.connector.sessions.length, 2);
});

test("a listener that refers to its handle does not keep the handle alive", async () => {
  await ended(await forget((db) => void db.on("acquire", () => db.stats())));
});

test("a pool that is not shared ends too when its handle is garbage-collected", async () => {
  await ended(await forget(() => undefined, { shared: false }));
});

test("a unit that can never end does not keep its handle alive", async () => {
  await ended(await forget((db) => void db.unit(() => new Promise(() => undefined))));
});

test("a garbage-collected handle counts as drained: the last handle ends the pool", async () => {
  const rest = await forget(() => undefined);
  const kept = rest.another();
  await expectOpen(rest);
  await kept.drain();
  await ended(rest);
});

const keepers: Readonly<Record<string, (db: FakePool<"main">) => unknown>> = {
  "its virtual connection": (db) => db.connection("main"),
  "a method": (db) => db.method("SELECT"),
  "a handler": (db) => db.handler(() => undefined),
  "a lease": (db) => db.lease(),
  "a statement under way": (db) => {
    seen(db, "HANG");
  },
  "a unit under way": (db) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    db.unit(() => promise);
    return resolve;
  },
};

for (const [what, keep] of Object.entries(keepers)) {
  test(`a handle is kept alive by ${what}`, async () => {
    const rest = await forget(keep);
    await expectOpen(rest);
    const kept = await rest.kept;
    await using db = rest.another();
    assert.equal((await seen(db)).threadId > 0, true);
    assert.ok(what.endsWith("under way") || kept !== undefined);
    rest.connector.sessions[0]?.answer();
  });
}

test("an open lease keeps the listeners of its handle alive", async () => {
  const heard: string[] = [];
  const rest = await forget((db) => {
    return db.on("release", () => heard.push("release")).lease();
  });
  await expectOpen(rest);
  const lease = await rest.kept;
  lease.release();
  assert.deepEqual(heard, ["release"]);
});

test("a drained handle that is garbage-collected later does not count twice", async () => {
  const rest = await forget((db) => void db.drain());
  const kept = rest.another();
  await expectOpen(rest);
  await seen(kept);
  await kept.drain();
  await refused(seen(kept), "POOL_DRAINING");
});
