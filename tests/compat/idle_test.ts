/** On a real server: how idle connections close, beside mysql2's. */

import assert from "node:assert/strict";
import { test } from "node:test";
import mysql2 from "mysql2";
import mysql from "../../src/entries/compat.ts";
import { startProxy } from "../support/proxy.ts";
import { startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { asked, ended } from "./support/fixture.ts";

test("an idle connection closes with COM_QUIT, where mysql2 only closes its socket", async () => {
  await using server = await startServer();
  const outcomes: boolean[] = [];
  for (const { createPool } of [mysql2, mysql as unknown as typeof mysql2]) {
    await using proxy = await startProxy(server);
    const pool = createPool({ uri: proxy.uri, connectionLimit: 2, maxIdle: 1, idleTimeout: 50 });
    await asked((done) => pool.query("SELECT 1", done));
    await until(() => proxy.links === 0, "the idle connection has closed");
    outcomes.push(proxy.commands.some((command) => command.startsWith("QUIT")));
    await ended(pool);
  }
  assert.deepEqual(outcomes, [false, true]);
});
