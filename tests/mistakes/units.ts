/** Mistakes with connections, units of work and transactions. */

import { setTimeout } from "node:timers/promises";
import type { Mistake, Place } from "./mistake.ts";

/** Returns a mistake that calls a method which the pool does not have. */
function inMethod(title: string, name: string, theirs: Mistake["theirs"], named: RegExp): Mistake {
  return {
    title,
    own: ({ db }) => Reflect.apply(Reflect.get(db, name), db, []),
    theirs,
    named,
  };
}

/** Takes a connection of mysql2, and then a second one, of which there is none. */
async function takeTwo({ pool }: Place): Promise<void> {
  const connection = await pool.getConnection();
  try {
    await pool.query("SELECT 1");
  } finally {
    connection.release();
  }
}

/** Runs a statement in a later tick. */
async function askLater(asked: { query(sql: string): Promise<unknown> }): Promise<void> {
  await setTimeout(1);
  await asked.query("SELECT 1");
}

/** The mistakes. */
export const units: readonly Mistake[] = [
  inMethod(
    "beginTransaction() is called on the pool",
    "beginTransaction",
    ({ pool }) => Reflect.apply(Reflect.get(pool, "beginTransaction"), pool, []),
    /transaction\(/,
  ),
  {
    title: "a transaction is begun by a statement on the pool",
    async own({ db }) {
      await db.query("START TRANSACTION");
    },
    theirs: ({ pool }) => pool.query("START TRANSACTION"),
    named: /use `transaction`/,
  },
  {
    title: "a statement commits within a transaction",
    async own({ db }) {
      await db.transaction(async () => {
        await db.query("COMMIT");
      });
    },
    theirs: ({ pool }) => pool.query("COMMIT"),
    named: /pool commits/,
  },
  {
    title: "the id of another statement is asked for",
    async own({ db }) {
      await db.query("SELECT LAST_INSERT_ID()");
    },
    theirs: ({ pool }) => pool.query("SELECT LAST_INSERT_ID()"),
    named: /unit.*insertId/,
  },
  {
    title: "a lease is never released",
    async own({ db }) {
      await db.lease();
      await db.query("SELECT 1");
    },
    theirs: takeTwo,
    named: /held by "main" for \d+ ms.*leakDetectionTimeout/,
  },
  {
    title: "a connection is used after its release",
    async own({ db }) {
      const lease = await db.lease();
      lease.release();
      await lease.query("SELECT 1");
    },
    async theirs({ pool }) {
      const connection = await pool.getConnection();
      connection.release();
      await connection.query("SELECT 1");
    },
    named: /lease has ended/,
  },
  {
    title: "a statement is not awaited, and its unit ends",
    async own({ db }) {
      const late: Promise<void>[] = [];
      await db.unit((unit) => void late.push(askLater(unit.connection("main"))));
      await Promise.all(late);
    },
    theirs: ({ pool }) => void askLater(pool).catch(() => undefined),
    named: /unit of work has ended: await/,
  },
  {
    title: "unit() is given a promise",
    async own({ db }) {
      await db.unit(db.query("SELECT 1") as never);
    },
    theirs: () => undefined,
    named: /expects a function: received a promise/,
  },
  {
    title: "a second connection is taken while the first is held",
    async own({ db }) {
      await db.transaction(async () => {
        await db.lease({ separate: true });
      });
    },
    theirs: takeTwo,
    named: /held by "main"/,
  },
];
