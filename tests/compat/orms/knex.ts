/** knex on the pool. */

import assert from "node:assert/strict";
import knex, { type Knex } from "knex";
import { type Account, type Bank, runBank } from "./support/bank.ts";
import { type Place, work } from "./support/place.ts";

type On = Knex;

function bankOf(orm: On): Bank<On> {
  return {
    orm,
    createTable: () =>
      orm.schema.createTable("accounts", (table) => {
        table.integer("id").primary();
        table.string("owner", 40).notNullable();
        table.integer("balance").notNullable();
      }),
    open: (on, list) => on<Account>("accounts").insert([...list]),
    find,
    total: async (on) => {
      const row = await on<Account>("accounts").sum({ total: "balance" }).first();
      return Number(row?.["total"]);
    },
    add: (on, id, amount) => on<Account>("accounts").where({ id }).increment("balance", amount),
    raw: (on, text) => on.raw(text),
    transaction: (fn) => orm.transaction(fn),
    stream: () => orm<Account>("accounts").select().orderBy("id").stream(),
  };
}

async function find(on: On, id: number): Promise<Account | undefined> {
  return await on<Account>("accounts").where({ id }).first();
}

/** A nested transaction is a savepoint; a transaction without a callback rolls back by hand. */
async function nests(orm: On): Promise<void> {
  const rename = (on: On, owner: string): Promise<number> =>
    on<Account>("accounts").where({ id: 1 }).update({ owner }).then();
  const reason = new Error("Only the inner one");
  await orm.transaction(async (outer) => {
    await rename(outer, "outer");
    const inner = outer.transaction(async (on) => {
      await rename(on, "inner");
      throw reason;
    });
    await assert.rejects(inner, (error) => error === reason);
  });
  assert.equal((await find(orm, 1))?.owner, "outer");
  const transaction = await orm.transaction();
  await rename(transaction, "last");
  await transaction.rollback();
  assert.equal((await find(orm, 1))?.owner, "outer");
}

/** After a statement times out, no other statement gets its connection while it is still busy. */
async function timesOut(orm: On, place: Place): Promise<void> {
  await assert.rejects(orm.raw("SELECT SLEEP(0.3)").timeout(50), { name: "KnexTimeoutError" });
  const found = await Promise.all(Array.from({ length: 4 }, (_, i) => find(orm, i + 1)));
  assert.deepEqual(found.map((account) => account?.id), [1, 2, 3, 4]);
  await place.free();
}

/** Migrations lock their table, and each runs in its own transaction. */
async function migrates(orm: On): Promise<void> {
  const migrations: Record<string, Knex.Migration> = {
    one: {
      up: (on) => on.schema.alterTable("accounts", (table) => void table.string("note")),
      down: (on) => on.schema.alterTable("accounts", (table) => void table.dropColumn("note")),
    },
  };
  const migrationSource: Knex.MigrationSource<string> = {
    getMigrations: () => Promise.resolve(Object.keys(migrations)),
    getMigrationName: (name) => name,
    getMigration: (name) => Promise.resolve(migrations[name] as Knex.Migration),
  };
  await orm.migrate.latest({ migrationSource });
  assert.equal(await orm.schema.hasColumn("accounts", "note"), true);
  await orm.migrate.rollback({ migrationSource });
  assert.equal(await orm.schema.hasColumn("accounts", "note"), false);
}

await work(async (place) => {
  const { pool } = place;
  // knex's types accept neither of mysql2's pools; its code accepts both.
  const orm = knex({ client: "mysql2", connectionPool: pool as never });
  await runBank(place, bankOf(orm));
  await nests(orm);
  await timesOut(orm, place);
  await migrates(orm);
  const other = knex({ client: "mysql2", connectionPool: pool.promise() as never });
  assert.equal((await find(other, 2))?.id, 2);
  // knex does not own the pool, so the pool stays open.
  await orm.destroy();
  assert.equal((await find(other, 3))?.id, 3);
  await other.destroy();
});
