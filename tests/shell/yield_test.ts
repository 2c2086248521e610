/** A unit that must wait for a lease releases a lease that it keeps only for result info. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, endsEmpty, seen } from "./support/pool.ts";

test("a request gets the connection that its own unit releases for it, without waiting", async () => {
  const world = createWorld({ connectionLimit: 1, connections: { a: {}, b: {} } });
  const [a, b] = [world.db.connection("a"), world.db.connection("b")];
  await world.db.unit(async () => {
    await seen(a, "RESULT_INFO");
    assert.equal(world.db.stats().leased, 1);
    assert.equal((await seen(b)).threadId, 1);
  });
  await endsEmpty(world);
});
