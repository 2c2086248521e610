/**
 * A program that leaves its pool open, after the pool has waited for a full server and has
 * repeated a unit.
 */

import { createSubletPool } from "../../../src/shell/compose.ts";
import { DEADLOCK, FakeConnector, FakeServerError, TOO_MANY } from "./fake_connector.ts";
import { ManualClock } from "./manual_clock.ts";
import { backendOf } from "./backend.ts";
import { seen } from "./pool.ts";

const connector = new FakeConnector();
const { clock: _clock, ...backend } = backendOf(connector, new ManualClock());
const db = createSubletPool<"main", { host: string; database: string }, { threadId: number }>(
  {},
  backend,
);
await db.unit(async () => {
  await seen(db, "SET @a = 1");
  for (let i = 0; i < 3; i++) connector.connectFailures.push(new FakeServerError(TOO_MANY, "full"));
  await db.unit(() => seen(db));
});
let runs = 0;
await db.unit(() => seen(db, ++runs < 3 ? `FAIL ${DEADLOCK}` : "SELECT"), { retries: 2 });
console.log(JSON.stringify(db.stats()));
