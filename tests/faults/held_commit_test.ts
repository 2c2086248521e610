/**
 * A COMMIT that the server blocks, as during a backup: an aborted transaction rejects in time with
 * COMMIT_UNKNOWN, and the pool serves the next request while the server still blocks the COMMIT.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { createConnection } from "mysql2/promise";
import { refused, threadOf, timed } from "../support/asking.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { Scene } from "./support/scene.ts";

/** How long the pool awaits the answer to a COMMIT after an abort, in ms. */
const lastWordMs = 1_000;
/**
 * How long until the pool may replace the connection, in ms. Through a proxy the pool cannot tell
 * the server's thread: MariaDB ends the statement when its client has gone, MySQL does not, so the
 * connection counts for as long as the pool lets it.
 */
const freedMsMax = { mariadb: 1_500, mysql: 7_000 };
const slackMs = 700;

async function isUnknown(scene: Scene, make: keyof typeof freedMsMax): Promise<void> {
  const { server, proxy } = scene;
  const db = scene.pool({ connectionLimit: 1 });
  const thread = await threadOf(db);
  const backup = await createConnection(server.rootUrl);
  try {
    const abort = new AbortController();
    const reason = new Error("too late");
    const transaction = db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (1)");
      await backup.query("FLUSH TABLES WITH READ LOCK");
    }, { signal: abort.signal });
    const told = refused(transaction, "COMMIT_UNKNOWN");
    await until(() => proxy.commands.includes("QUERY COMMIT"), "it is committing");
    abort.abort(reason);
    const ms = await timed(told);
    assert.ok(ms > lastWordMs - 10 && ms < lastWordMs + slackMs, `it took ${ms} ms`);
    assert.equal((await told).cause, reason);
    const next = threadOf(db);
    const freedMs = await timed(next);
    assert.ok(freedMs < freedMsMax[make], `it took ${freedMs} ms`);
    // A proxy hides the server's thread, so the pool closed the connection.
    assert.notEqual(await next, thread);
  } finally {
    await backup.end();
  }
  await scene.agrees(db);
  assert.ok((await scene.takeValues()).length <= 1);
}

for (const make of ["mariadb", "mysql"] as const) {
  describe(make, { skip: lackOf(make) ?? false }, () => {
    let scene: Scene;
    before(async () => {
      scene = await Scene.start(make);
    });
    afterEach(() => scene.tidy());
    after(() => scene?.[Symbol.asyncDispose]());

    test("a COMMIT that the server blocks is unknown one second after an abort", () =>
      isUnknown(scene, make));
  });
}
