/** kysely on the pool. */

import assert from "node:assert/strict";
import { type ControlledTransaction, Kysely, MysqlDialect, sql } from "kysely";
import mysql from "../../../src/entries/compat.ts";
import { type Account, type Bank, runBank } from "./support/bank.ts";
import { connectionLimit, type Place, work } from "./support/place.ts";

interface Schema {
  readonly accounts: Account;
}

type On = Kysely<Schema>;

function bankOf(orm: On): Bank<On> {
  return {
    orm,
    createTable: () =>
      orm.schema.createTable("accounts")
        .addColumn("id", "integer", (column) => column.primaryKey())
        .addColumn("owner", "varchar(40)", (column) => column.notNull())
        .addColumn("balance", "integer", (column) => column.notNull())
        .execute(),
    open: (on, list) => on.insertInto("accounts").values([...list]).execute(),
    find,
    total: async (on) => {
      const { total } = await on.selectFrom("accounts")
        .select(({ fn }) => fn.sum("balance").as("total")).executeTakeFirstOrThrow();
      return Number(total);
    },
    add: (on, id, amount) =>
      on.updateTable("accounts").set(({ eb }) => ({ balance: eb("balance", "+", amount) }))
        .where("id", "=", id).execute(),
    raw: (on, text) => sql.raw(text).execute(on),
    transaction: (fn) => orm.transaction().execute(fn),
    stream: () => orm.selectFrom("accounts").selectAll().orderBy("id").stream(),
  };
}

function find(on: On, id: number): Promise<Account | undefined> {
  return on.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirst();
}

/** A controlled transaction, with a savepoint. */
async function isControlled(orm: On): Promise<void> {
  const rename = (on: On, owner: string): Promise<unknown> =>
    on.updateTable("accounts").set({ owner }).where("id", "=", 1).execute();
  const transaction: ControlledTransaction<Schema> = await orm.startTransaction().execute();
  await rename(transaction, "first");
  const saved = await transaction.savepoint("here").execute();
  await rename(saved, "second");
  await saved.rollbackToSavepoint("here").execute();
  await transaction.commit().execute();
  assert.equal((await find(orm, 1))?.owner, "first");
}

/** kysely ends an aborted statement at the server, over a connection of the pool or its own. */
async function aborts(orm: On, place: Place): Promise<void> {
  for (const inflightQueryAbortStrategy of ["cancel query", "kill session"] as const) {
    const controller = new AbortController();
    const options = { signal: controller.signal, inflightQueryAbortStrategy };
    const sleeping = sql`SELECT SLEEP(60)`.execute(orm, options);
    const outcome = Promise.allSettled([sleeping]);
    await place.sleeper();
    controller.abort(new Error("Enough"));
    const [{ status }] = await outcome;
    assert.equal(status, "rejected");
    await place.free();
    assert.equal((await find(orm, 2))?.id, 2);
  }
}

await work(async (place) => {
  const { pool } = place;
  const orm = new Kysely<Schema>({ dialect: new MysqlDialect({ pool }) });
  await runBank(place, bankOf(orm));
  await isControlled(orm);
  await aborts(orm, place);

  const seen = new Set<unknown>();
  const told = new Kysely<Schema>({
    dialect: new MysqlDialect({
      pool,
      controlConnection: mysql.createConnection,
      onCreateConnection: (connection) => Promise.resolve(void seen.add(connection)),
    }),
  });
  await Promise.all(Array.from({ length: 20 }, (_, i) => find(told, i + 1)));
  assert.ok(seen.size <= connectionLimit, `${seen.size} connections were reported as new`);
  await aborts(told, place);
  // kysely ends the pool when it is destroyed.
  await orm.destroy();
});
