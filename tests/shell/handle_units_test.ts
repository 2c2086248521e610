/** Handles within units: in a unit of another handle, and in a unit that drains its own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createShared, watched } from "./support/handles.ts";
import { settled } from "./support/manual_clock.ts";
import { refused, seen } from "./support/pool.ts";

test("a drained handle refuses work in another's unit, except within its own unit", async () => {
  const { one, other, another } = createShared();
  await other.unit(async () => {
    const { threadId } = await other.transaction(async () => {
      await seen(one);
      return await seen(one);
    });
    assert.equal((await seen(one)).threadId, threadId);
    await one.drain();
    await refused(seen(one), "POOL_DRAINING");
    await refused(one.transaction(() => 1), "POOL_DRAINING");
    await refused(one.unit(() => 1), "POOL_DRAINING");
    await refused(one.lease(), "POOL_DRAINING");
    await seen(other);
  });
  const third = another();
  const go = Promise.withResolvers<void>();
  const unit = third.unit(() =>
    other.unit(async () => {
      await go.promise;
      return await seen(third);
    })
  );
  const drained = third.drain();
  go.resolve();
  await Promise.all([unit, drained]);
  await other.drain();
});

test("a drain waits for the work of its handle in a unit of another handle", async () => {
  const { one, other, connector } = createShared();
  let drain: { readonly isDone: boolean } | undefined;
  const unit = other.unit(async () => {
    const transaction = one.transaction(async () => {
      await seen(one, "HANG");
      await seen(one);
    });
    await settled();
    drain = watched(one.drain());
    await transaction;
  });
  await settled();
  assert.equal(drain?.isDone, false);
  connector.sessions[0]?.answer();
  await unit;
  await settled();
  assert.equal(drain?.isDone, true);
  await other.drain();
});

test("a unit may drain its own handle and others, without waiting for itself", async () => {
  const { one, other, connector } = createShared();
  await one.unit(async () => {
    await seen(one);
    await one.drain();
    await other.unit(async () => {
      await seen(other);
      await other.drain();
    });
  });
  assert.equal(one.stats().phase, "closed");
  assert.equal(connector.open.length, 0);
});

test("a unit that drains its handle releases a lease that it kept for result info", async () => {
  const { one, other, connector } = createShared();
  await one.unit(async () => {
    const statement = seen(one, "HANG");
    await settled();
    const [session] = connector.sessions;
    session!.resultInfoCount++;
    session!.answer();
    await statement;
    assert.equal(one.stats().leased, 1);
    await one.drain();
    assert.equal(one.stats().leased, 0);
  });
  await other.drain();
});

test('with lifespan: "unit" a drain waits for its unit in another handle\'s unit', async () => {
  const { one, other, connector } = createShared({ lifespan: "unit" });
  const isWithin = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const unit = other.unit(() =>
    one.unit(async () => {
      isWithin.resolve();
      await go.promise;
      return await seen(one);
    })
  );
  await isWithin.promise;
  const drain = watched(one.drain());
  await settled();
  assert.equal(drain.isDone, false);
  go.resolve();
  assert.equal((await unit).threadId, 1);
  await settled();
  assert.equal(drain.isDone, true);
  await other.drain();
  assert.equal(connector.open.length, 0);
});

test('with lifespan: "unit" a handle drains its own units only', async () => {
  const { one, other, connector } = createShared({ lifespan: "unit" });
  const go = Promise.withResolvers<void>();
  const units = [one, other].map((db) =>
    db.unit(async () => {
      await seen(db);
      await go.promise;
      await seen(db);
    })
  );
  await settled();
  assert.equal(connector.open.length, 2);
  const drain = watched(one.drain({ refuse: true }));
  const outcome = refused(units[0]!, "POOL_DRAINING");
  await settled();
  assert.equal(drain.isDone, false);
  go.resolve();
  await Promise.all([outcome, units[1]]);
  await settled();
  assert.equal(drain.isDone, true);
  await refused(seen(one), "POOL_DRAINING");
  await seen(other);
  await other.drain();
  assert.equal(connector.open.length, 0);
});
