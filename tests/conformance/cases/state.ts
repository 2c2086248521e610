/**
 * The state that a unit makes in its session: the unit has it until its end, and the next holder
 * of the very same connection does not have it.
 */

import assert from "node:assert/strict";
import { type Asked, assertFree, one, refused, threadOf } from "../../support/asking.ts";
import { both, Suite } from "../suite/suite.ts";

/** Tests of session state. */
export const state: Suite = new Suite();

/** A kind of state that belongs to one session. */
interface Kind {
  /** The statements that make it. */
  readonly made: readonly string[];
  /** Whether it leaves a transaction open, so that the unit rejects. */
  readonly isOpen?: boolean;
  /** The statement that reads it. */
  readonly asked: string;
  /** The answer for its holder, and for another; an error is given by its number. */
  readonly answers: readonly [own: unknown, other: unknown];
}

const kinds: Readonly<Record<string, Kind>> = {
  "an open transaction": {
    made: ["START TRANSACTION", "INSERT INTO t VALUES (1)"],
    isOpen: true,
    asked: "SELECT COUNT(*) FROM t",
    answers: [1, 0],
  },
  "autocommit that is off": {
    made: ["SET autocommit = 0", "INSERT INTO t VALUES (1)"],
    isOpen: true,
    asked: "SELECT CONCAT(@@autocommit + 0, ' ', COUNT(*)) FROM t",
    answers: ["0 1", "1 0"],
  },
  "a user variable": { made: ["SET @a = 7"], asked: "SELECT @a", answers: [7, null] },
  "a user variable of SELECT": {
    made: ["SELECT 7 INTO @a"],
    asked: "SELECT @a",
    answers: [7, null],
  },
  "a session variable": {
    made: ["SET SESSION time_zone = '+05:00'"],
    asked: "SELECT @@time_zone",
    answers: ["+05:00", "SYSTEM"],
  },
  "SET NAMES": {
    made: ["SET NAMES latin1"],
    asked: "SELECT @@character_set_client",
    answers: ["latin1", "utf8mb4"],
  },
  "a temporary table": {
    made: ["CREATE TEMPORARY TABLE tmp (v INT)", "INSERT INTO tmp VALUES (7)"],
    asked: "SELECT v FROM tmp",
    answers: [7, 1146],
  },
  "LOCK TABLES": {
    made: ["LOCK TABLES t WRITE"],
    asked: "SELECT COUNT(*) FROM u",
    answers: [1100, 0],
  },
  "GET_LOCK": {
    made: ["SELECT GET_LOCK('till', 0)"],
    asked: "SELECT IS_USED_LOCK('till') = CONNECTION_ID()",
    answers: [1, null],
  },
  "USE": {
    made: ["USE information_schema"],
    asked: "SELECT DATABASE()",
    answers: ["information_schema", "test"],
  },
  "a prepared statement in text": {
    made: ["PREPARE p FROM 'SELECT 7'"],
    asked: "EXECUTE p",
    answers: [7, 1243],
  },
};

/** Returns the answer to a statement, or the number of its error. */
async function answer(asked: Asked, sql: string): Promise<unknown> {
  try {
    return await one(asked, sql);
  } catch (error) {
    return (error as { errno?: unknown }).errno ?? error;
  }
}

for (const [name, kind] of Object.entries(kinds)) {
  const { made, asked, answers: [own, other], isOpen = false } = kind;
  state.test(
    `${name} lasts for its unit, and the next unit does not have it`,
    { on: both },
    async (world) => {
      for (const table of ["t", "u"]) await world.server.table(table, "v INT");
      const db = world.pool({ connectionLimit: 1 });
      let thread = 0;
      const unit = db.unit(async () => {
        for (const sql of made) await db.query(sql);
        assert.equal(db.stats().leased, 1);
        assert.deepEqual(await answer(db, asked), own);
        thread = await threadOf(db);
      });
      if (isOpen) await refused(unit, "TRANSACTION_OPEN");
      else await unit;
      assertFree(db);
      assert.deepEqual(await answer(db, asked), other);
      assert.equal(await threadOf(db), thread);
    },
  );
}

state.test(
  "the pool also wipes state that was made on the driver's own connection",
  { on: both },
  async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const lease = await db.lease();
    const { threadId } = lease;
    await lease.connection.promise().query("SET @a = 7");
    lease.release();
    assert.equal(await one(db, "SELECT @a"), null);
    assert.equal(await threadOf(db), threadId);
  },
);

state.test(
  "a clean release costs no round trip, a dirty one costs a reset",
  { on: both },
  async (world) => {
    const { id, uri } = await world.proxy();
    const db = world.pool({ uri, connectionLimit: 1, validateAfter: 60_000 });
    await db.query("SELECT 0");
    await world.lab.network.traffic(id);
    await db.query("SELECT 1");
    await db.unit(() => db.query("SELECT 2"));
    await db.unit(() => db.query("SET @a = 1"));
    await db.query("SELECT 3");
    const { commands } = await world.lab.network.traffic(id);
    assert.deepEqual(commands.slice(0, 4), [
      "QUERY SELECT 1",
      "QUERY SELECT 2",
      "QUERY SET @a = 1",
      "RESET",
    ]);
    assert.equal(commands.at(-1), "QUERY SELECT 3");
  },
);
