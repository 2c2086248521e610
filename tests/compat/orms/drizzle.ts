/** drizzle-orm on the pool. */

import assert from "node:assert/strict";
import { eq, sql, sum } from "drizzle-orm";
import { int, mysqlTable, varchar } from "drizzle-orm/mysql-core";
import { drizzle, type MySql2Database } from "drizzle-orm/mysql2";
import { type Account, type Bank, runBank } from "./support/bank.ts";
import { failsWith } from "./support/failing.ts";
import { collectUntil } from "./support/garbage.ts";
import { connectionLimit, type Place, work } from "./support/place.ts";

const accounts = mysqlTable("accounts", {
  id: int().primaryKey(),
  owner: varchar({ length: 40 }).notNull(),
  balance: int().notNull(),
});

type Orm = MySql2Database<Record<string, unknown>>;
type On = Pick<Orm, "insert" | "select" | "update" | "execute" | "transaction">;

function bankOf(orm: Orm): Bank<On> {
  return {
    orm,
    createTable: () =>
      orm.execute(sql`CREATE TABLE accounts (
        id INT PRIMARY KEY, owner VARCHAR(40) NOT NULL, balance INT NOT NULL)`),
    open: (on, list) => on.insert(accounts).values([...list]),
    find: (on, id) => find(on, id),
    total: async (on) => {
      const [row] = await on.select({ total: sum(accounts.balance) }).from(accounts);
      return Number(row?.total);
    },
    add: (on, id, amount) =>
      on.update(accounts).set({ balance: sql`${accounts.balance} + ${amount}` })
        .where(eq(accounts.id, id)),
    raw: (on, text) => on.execute(sql.raw(text)),
    transaction: (fn) => orm.transaction(fn),
    stream: () => orm.select().from(accounts).orderBy(accounts.id).iterator(),
  };
}

async function find(on: On, id: number): Promise<Account | undefined> {
  const [account] = await on.select().from(accounts).where(eq(accounts.id, id));
  return account;
}

/** A nested transaction is a savepoint. */
async function nests(orm: Orm): Promise<void> {
  const reason = new Error("Only the inner one");
  await orm.transaction(async (outer) => {
    await outer.update(accounts).set({ owner: "outer" }).where(eq(accounts.id, 1));
    const inner = outer.transaction(async (on) => {
      await on.update(accounts).set({ owner: "inner" }).where(eq(accounts.id, 1));
      throw reason;
    });
    await assert.rejects(inner, (error) => error === reason);
  });
  assert.equal((await find(orm, 1))?.owner, "outer");
}

/** drizzle drops the lease of a transaction that cannot begin; the pool takes the lease back. */
async function forgets(orm: Orm, place: Place): Promise<void> {
  const isolationLevel = "nonsense" as "serializable";
  const attempts = Array.from({ length: connectionLimit }, () => {
    return failsWith(
      orm.transaction(() => Promise.resolve(), { isolationLevel }),
      "ER_PARSE_ERROR",
    );
  });
  await Promise.all(attempts);
  assert.equal(place.leased, connectionLimit);
  await collectUntil(() => place.leased === 0, "what was forgotten has been found");
  assert.equal((await find(orm, 2))?.id, 2);
}

/** Helpers that are not passed the transaction of their caller still run in it, without waiting. */
async function joins(place: Place): Promise<void> {
  if (place.joining === undefined) return;
  const orm = drizzle({ client: place.joining });
  const visit = (id: number): Promise<void> =>
    orm.transaction(async (on) => {
      await on.update(accounts).set({ owner: `guest ${id}` }).where(eq(accounts.id, id));
      assert.equal((await find(orm, id))?.owner, `guest ${id}`);
    });
  await Promise.all(Array.from({ length: 20 }, (_, i) => place.unit(() => visit(i + 1))));
}

await work(async (place) => {
  const { pool } = place;
  const orm = drizzle({ client: pool });
  await runBank(place, bankOf(orm));
  await nests(orm);
  await nests(drizzle({ client: pool.promise() }));
  await forgets(orm, place);
  await joins(place);
});
