/** TypeORM on the pool. */

import assert from "node:assert/strict";
import mysql2 from "mysql2";
import { DataSource, type EntityManager, EntitySchema } from "typeorm";
import mysql from "../../../src/entries/compat.ts";
import { type Account, type Bank, runBank } from "./support/bank.ts";
import { type Place, work } from "./support/place.ts";

const Accounts = new EntitySchema<Account>({
  name: "accounts",
  columns: {
    id: { type: "int", primary: true },
    owner: { type: "varchar", length: 40 },
    balance: { type: "int" },
  },
});

interface Visit {
  readonly id?: number;
  readonly at: Date;
  readonly big: string;
  readonly day: string;
  readonly isPaid: boolean;
  readonly note: object;
  readonly price: string;
}

const Visits = new EntitySchema<Visit>({
  name: "visits",
  columns: {
    id: { type: "int", primary: true, generated: true },
    at: { type: "datetime", precision: 3 },
    big: { type: "bigint" },
    day: { type: "date" },
    isPaid: { type: "boolean" },
    note: { type: "json" },
    price: { type: "decimal", precision: 30, scale: 10 },
  },
});

const entities = [Accounts, Visits];

/** The options that TypeORM sets on pools that it creates. */
const options = { bigNumberStrings: true, stringifyObjects: true, supportBigNumbers: true };

type On = EntityManager;

function bankOf(orm: DataSource): Bank<On> {
  return {
    orm: orm.manager,
    createTable: () => orm.synchronize(),
    open: (on, list) => on.insert(Accounts, [...list]),
    find,
    total: async (on) => await on.sum(Accounts, "balance") ?? 0,
    add: (on, id, amount) => on.increment(Accounts, { id }, "balance", amount),
    raw: (on, text) => on.query(text),
    transaction: (fn) => orm.transaction(fn),
    stream: () => stream(orm),
  };
}

async function find(on: On, id: number): Promise<Account | undefined> {
  return await on.findOneBy(Accounts, { id }) ?? undefined;
}

/** TypeORM's streams leave the release of their connection to the reader. */
async function* stream(orm: DataSource): AsyncIterable<Account> {
  const runner = orm.createQueryRunner();
  try {
    yield* await runner.stream("SELECT * FROM accounts ORDER BY id");
  } finally {
    await runner.release();
  }
}

/** A nested transaction is a savepoint. */
async function nests({ manager }: DataSource): Promise<void> {
  const rename = (on: On, owner: string): Promise<unknown> =>
    on.update(Accounts, { id: 1 }, { owner });
  const reason = new Error("Only the inner one");
  await manager.transaction(async (outer) => {
    await rename(outer, "outer");
    const inner = outer.transaction(async (on) => {
      await rename(on, "inner");
      throw reason;
    });
    await assert.rejects(inner, (error) => error === reason);
  });
  assert.equal((await find(manager, 1))?.owner, "outer");
}

/** TypeORM reads the same values as with a pool of mysql2's. */
async function readsAlike(orm: DataSource, { uri }: Place): Promise<void> {
  const own = new DataSource({ type: "mysql", driver: mysql2, url: uri, poolSize: 1, entities });
  await own.initialize();
  const visit: Visit = {
    at: new Date("2026-03-29T02:30:00.123Z"),
    big: "9007199254740993",
    day: "2026-03-29",
    isPaid: true,
    note: { a: [1] },
    price: "12345678901234567890.0123456789",
  };
  const answers: Visit[] = [];
  for (const { manager } of [orm, own]) {
    const { id } = await manager.save(Visits, { ...visit });
    answers.push({ ...await manager.findOneByOrFail(Visits, { id: Number(id) }), id: 0 });
    assert.ok(await manager.findOneBy(Visits, { at: visit.at, big: visit.big }));
  }
  assert.deepEqual(answers[0], answers[1]);
  assert.deepEqual(answers[0], { ...visit, id: 0 });
  await own.destroy();
}

/** TypeORM writes to a master and reads from slaves, over a cluster that it creates. */
async function replicates({ uri }: Place): Promise<void> {
  const node = { url: uri, poolSize: 1 };
  const orm = new DataSource({
    type: "mysql",
    driver: mysql,
    entities,
    replication: { master: node, slaves: [node] },
  });
  await orm.initialize();
  await orm.manager.update(Accounts, { id: 1 }, { owner: "written" });
  const found = await Promise.all(Array.from({ length: 20 }, () => find(orm.manager, 1)));
  assert.ok(found.every((account) => account?.owner === "written"));
  await orm.destroy();
}

await work(async (place) => {
  const { pool } = place;
  const orm = new DataSource({
    type: "mysql",
    driver: { createPool: () => pool },
    entities,
  });
  await orm.initialize();
  await runBank(place, bankOf(orm));
  await nests(orm);
  await readsAlike(orm, place);
  await replicates(place);
  // TypeORM ends the pool when it is destroyed.
  await orm.destroy();
}, options);
