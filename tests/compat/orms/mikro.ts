/** MikroORM on the pool: MikroORM is built on kysely, and takes the pool as a kysely dialect. */

import assert from "node:assert/strict";
import { EntitySchema, MikroORM, raw, type SqlEntityManager } from "@mikro-orm/mysql";
import { MysqlDialect } from "kysely";
import { type Account, type Bank, runBank } from "./support/bank.ts";
import { type Place, work } from "./support/place.ts";

const Accounts = new EntitySchema<Account>({
  name: "accounts",
  properties: {
    id: { type: "integer", primary: true },
    owner: { type: "string", length: 40 },
    balance: { type: "integer" },
  },
});

interface Visit {
  readonly id?: number;
  readonly at: Date;
  readonly big: bigint;
  readonly day: string;
  readonly isPaid: boolean;
  readonly note: object;
  readonly price: string;
}

const Visits = new EntitySchema<Visit>({
  name: "visits",
  properties: {
    id: { type: "integer", primary: true, autoincrement: true },
    at: { type: "datetime", length: 3 },
    big: { type: "bigint" },
    day: { type: "date" },
    isPaid: { type: "boolean" },
    note: { type: "json" },
    price: { type: "decimal", precision: 30, scale: 10 },
  },
});

const entities = [Accounts, Visits];

/** The options that MikroORM sets on pools that it creates. */
const options = { dateStrings: true, supportBigNumbers: true };

type On = SqlEntityManager;

function bankOf(orm: MikroORM): Bank<On> {
  return {
    orm: orm.em.fork() as On,
    createTable: () => orm.schema.create(),
    open: async (on, list) => {
      const own = ownOf(on);
      for (const account of list) own.persist(own.create(Accounts, account));
      await own.flush();
    },
    find,
    total: async (on) => {
      const rows = await ownOf(on).execute("SELECT SUM(balance) AS total FROM accounts");
      return Number(rows[0]?.total);
    },
    add: (on, id, amount) =>
      ownOf(on).nativeUpdate(Accounts, { id }, { balance: raw<number>("balance + ?", [amount]) }),
    raw: (on, text) => ownOf(on).execute(text),
    transaction: (fn) => (orm.em.fork() as On).transactional(fn),
    stream: () => orm.em.fork().stream(Accounts, { orderBy: { id: "asc" } }),
  };
}

async function find(on: On, id: number): Promise<Account | undefined> {
  return await ownOf(on).findOne(Accounts, { id }, { refresh: true }) ?? undefined;
}

/** Returns the entity manager of a transaction, or else a fork without loaded entities. */
function ownOf(on: On): On {
  return on.isInTransaction() ? on : on.fork();
}

/** A nested transaction is a savepoint; MikroORM writes changed entities at its end. */
async function nests(orm: MikroORM): Promise<void> {
  const reason = new Error("Only the inner one");
  const rename = async (on: On, owner: string): Promise<void> => {
    const account = await on.findOneOrFail(Accounts, { id: 1 });
    Object.assign(account, { owner });
    await on.flush();
  };
  await (orm.em.fork() as On).transactional(async (outer) => {
    await rename(outer, "outer");
    const inner = outer.transactional(async (on) => {
      await rename(on, "inner");
      throw reason;
    });
    await assert.rejects(inner, (error) => error === reason);
    outer.clear();
  });
  assert.equal((await find(orm.em.fork() as On, 1))?.owner, "outer");
}

/** MikroORM reads the same values as with a pool of mysql2's. */
async function readsAlike(orm: MikroORM, { uri, database }: Place): Promise<void> {
  const own = await MikroORM.init({ clientUrl: uri, dbName: database, pool: { max: 1 }, entities });
  const visit: Visit = {
    at: new Date("2026-03-29T02:30:00.123Z"),
    big: 9007199254740993n,
    day: "2026-03-29",
    isPaid: true,
    note: { a: [1] },
    price: "12345678901234567890.0123456789",
  };
  const answers: Visit[] = [];
  for (const { em } of [orm, own]) {
    const id = await em.fork().insert(Visits, { ...visit });
    answers.push({ ...await em.fork().findOneOrFail(Visits, { id }), id: 0 });
  }
  assert.deepEqual(answers[0], answers[1]);
  assert.deepEqual(answers[0], { ...visit, id: 0 });
  await own.close();
}

await work(async (place) => {
  const { pool, database } = place;
  const orm = await MikroORM.init({
    dbName: database,
    driverOptions: () => new MysqlDialect({ pool }),
    entities,
  });
  await runBank(place, bankOf(orm));
  await nests(orm);
  await readsAlike(orm, place);
  // MikroORM ends the pool when it closes.
  await orm.close();
}, options);
