/** What a unit keeps only for what it might ask, it lets go of when it has to wait elsewhere. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, endsEmpty, seen } from "./support/pool.ts";

test("a request is granted what its own unit lets go of for it, and does not wait", async () => {
  const world = createWorld({ connectionLimit: 1, connections: { a: {}, b: {} } });
  const [a, b] = [world.db.connection("a"), world.db.connection("b")];
  await world.db.unit(async () => {
    await seen(a, "RESULT_INFO");
    assert.equal(world.db.stats().leased, 1);
    assert.equal((await seen(b)).threadId, 1);
  });
  await endsEmpty(world);
});
