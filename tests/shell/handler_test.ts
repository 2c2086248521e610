/** What `handler` makes of a function, as the hosts see it that call it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, endsEmpty, seen } from "./support/pool.ts";

test("a handler says it takes as much as its function, and the request at least", async () => {
  const world = createWorld();
  const { db } = world;
  const takes = (fn: (...args: never[]) => unknown): number => db.handler(fn).length;
  assert.equal(takes(() => 1), 1);
  assert.equal(takes((_request: object) => 1), 1);
  assert.equal(takes((_request: object, _env: object, _ctx: object) => 1), 3);
  assert.equal((await db.handler(() => seen(db))()).threadId, 1);
  await endsEmpty(world);
});
