/** The function that `handler` returns, as its host sees it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, endsEmpty, seen } from "./support/pool.ts";

test("a handler has as many parameters as its function, and at least the request", async () => {
  const world = createWorld();
  const { db } = world;
  const takes = (fn: (...args: never[]) => unknown): number => db.handler(fn).length;
  assert.equal(takes(() => 1), 1);
  assert.equal(takes((_request: object) => 1), 1);
  assert.equal(takes((_request: object, _env: object, _ctx: object) => 1), 3);
  assert.equal((await db.handler(() => seen(db))()).threadId, 1);
  await endsEmpty(world);
});
