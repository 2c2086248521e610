/** On a real server: what a replayed connection replays, and what it forwards. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { startServer } from "../support/server.ts";
import { createItems } from "./items.ts";
import { bareClient } from "./peers/bare.ts";
import { callbackClient, mysql2Client, subletClient } from "./peers/clients.ts";
import { pointSelect } from "./peers/statements.ts";
import { replayOf } from "./replay.ts";

const server = await startServer();
after(() => server.remove());
await createItems(server);
const uri = server.url();
const dial = replayOf(uri);
const seventh = { id: 7, name: "item 7", price: 49 };

test("a replayed connection repeats the first answer to a prepared statement", async () => {
  const connection = await createConnection({ uri, stream: dial() });
  const select = async (id: number): Promise<RowDataPacket[]> =>
    (await connection.execute<RowDataPacket[]>(pointSelect, [id]))[0];
  assert.deepEqual(await select(7), [seventh]);
  const executed = await server.status("Com_stmt_execute");
  for (const id of [8, 9]) assert.deepEqual(await select(id), [seventh]);
  assert.equal(await server.status("Com_stmt_execute"), executed);
  const [rows] = await connection.query("SELECT id FROM test.item WHERE id = 8");
  assert.deepEqual(rows, [{ id: 8 }]);
  await connection.end();
});

test("every measured client works on replayed connections", async () => {
  for (const make of [bareClient, subletClient, mysql2Client, callbackClient]) {
    await using client = make({ uri, limit: 2, dial });
    for (const id of [7, 8]) {
      assert.deepEqual(client.rowsOf(await client.select(id)), [seventh], client.label);
    }
    // More statements than connections: some have to wait.
    const answers = await Promise.all([7, 7, 7, 7, 7].map((id) => client.select(id)));
    for (const answer of answers) assert.deepEqual(client.rowsOf(answer), [seventh], client.label);
  }
});

test("a replayed connection closes when the server ends it", async () => {
  const stream = dial();
  const connection = await createConnection({ uri, stream });
  const closed = once(stream, "close");
  const failed = once(connection, "error");
  await server.query(`KILL ${connection.threadId}`);
  await Promise.all([closed, failed]);
  assert.equal(stream.destroyed, true);
});
