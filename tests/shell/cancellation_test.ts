/** Signals: many statements may share one, and its abort calls each one's listener once. */

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { cancellationOf, either, Trigger } from "../../src/shell/cancellation.ts";
import { createWorld } from "./support/pool.ts";
import { settled } from "./support/manual_clock.ts";

const many = 1000;

test("the pool adds one listener to a signal for all its statements, and removes it", async () => {
  const { db } = createWorld({ connectionLimit: 1 });
  const lease = await db.lease();
  const end = new AbortController();
  const unit = new AbortController();
  const listeners = (): number[] =>
    [end, unit].map(({ signal }) => getEventListeners(signal, "abort").length);
  const { signal } = end;
  const asked = Array.from({ length: many }, () => db.query("SELECT", [], { signal }));
  const joined = db.unit(async () => {
    const options = { signal, timeout: 1000 };
    await Promise.all(Array.from({ length: many }, () => db.query("SELECT", [], options)));
    await db.transaction(() => db.query("SELECT", [], options), { signal });
  }, { signal: unit.signal });
  await settled();
  assert.deepEqual(listeners(), [1, 1]);
  lease.release();
  await Promise.all([...asked, joined]);
  assert.deepEqual(listeners(), [0, 0]);
});

test("an abort rejects every statement with its signal, in order, with its reason", async () => {
  const { db } = createWorld({ connectionLimit: 1 });
  await using _ = await db.lease();
  const end = new AbortController();
  const { signal } = end;
  const order: number[] = [];
  const asked = Array.from({ length: many }, (_, index) => {
    return db.query("SELECT", [], { signal }).catch((error: unknown) => {
      order.push(index);
      return error;
    });
  });
  await settled();
  const reason = new Error("enough");
  end.abort(reason);
  assert.deepEqual(new Set(await Promise.all(asked)), new Set([reason]));
  assert.deepEqual(order, Array.from(order.keys()));
  assert.equal(db.stats().waiting, 0);
});

/** Returns a function that makes listeners; each adds its name to `told` when called. */
function noting(told: string[]): (name: string) => () => void {
  return (name) => () => void told.push(name);
}

test("an abort calls listeners in the order of their addition, those of `either` too", () => {
  for (const which of [0, 1]) {
    const ends = [new AbortController(), new AbortController()] as const;
    const [one, other] = ends.map(({ signal }) => cancellationOf(signal)!);
    const both = either(one, other)!;
    const told: string[] = [];
    const note = noting(told);
    const first = ends[which] === ends[0] ? one! : other!;
    first.addEventListener("abort", note("a"));
    both.addEventListener("abort", note("b"));
    first.addEventListener("abort", note("c"));
    both.addEventListener("abort", note("d"));
    const reason = new Error("first");
    ends[which]!.abort(reason);
    ends[1 - which]!.abort("second");
    assert.deepEqual(told, ["a", "b", "c", "d"]);
    assert.equal(both.reason, reason);
    assert.throws(() => both.throwIfAborted(), (error) => error === reason);
  }
});

test("an abort without an error for a reason rejects with an error, the reason its cause", () => {
  for (const reason of ["the client left", 7, null, { code: 1 }]) {
    const end = new AbortController();
    const cancellation = cancellationOf(end.signal)!;
    end.abort(reason);
    const error = cancellation.reason;
    assert.ok(error instanceof Error && error.name === "AbortError");
    assert.equal(error.cause, reason);
    assert.throws(() => cancellation.throwIfAborted(), (thrown) => thrown === error);
  }
  const foreign: unknown = runInNewContext("new TypeError('of another realm')");
  const end = new AbortController();
  end.abort(foreign);
  assert.equal(cancellationOf(end.signal)?.reason, foreign);
});

test("if a listener throws, the others still run, and its error is uncaught", (t) => {
  const uncaught: (() => void)[] = [];
  t.mock.method(globalThis, "queueMicrotask", (task: () => void) => void uncaught.push(task));
  const controller = new AbortController();
  const trigger = new Trigger();
  const told: string[] = [];
  for (const end of [cancellationOf(controller.signal)!, trigger]) {
    const both = either(end, new Trigger())!;
    end.addEventListener("abort", () => {
      throw new Error("mine");
    });
    both.addEventListener("abort", noting(told)("both"));
    end.addEventListener("abort", noting(told)("end"));
  }
  controller.abort();
  trigger.abort("why");
  assert.deepEqual(told, ["both", "end", "both", "end"]);
  assert.equal(uncaught.length, 2);
  for (const task of uncaught) assert.throws(task, /mine/);
});

test("a listener that is removed, or added after the abort, is not called", () => {
  const controller = new AbortController();
  const end = cancellationOf(controller.signal)!;
  const both = either(end, new Trigger())!;
  const told: string[] = [];
  const note = noting(told);
  const [early, late] = [note("early"), note("late")];
  for (const each of [end, both]) {
    each.addEventListener("abort", early);
    each.addEventListener("abort", late);
    each.removeEventListener("abort", early);
  }
  end.addEventListener("abort", () => both.removeEventListener("abort", late));
  both.removeEventListener("abort", late);
  both.addEventListener("abort", late);
  controller.abort();
  end.addEventListener("abort", note("too late"));
  both.addEventListener("abort", note("too late"));
  assert.deepEqual(told, ["late"]);
});
