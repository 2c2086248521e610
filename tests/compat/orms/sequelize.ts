/** Sequelize on the pool, which replaces Sequelize's own pool in its connection manager. */

import assert from "node:assert/strict";
import { promisify } from "node:util";
import mysql2, { type PoolConnection } from "mysql2";
import {
  DataTypes,
  literal,
  type Model,
  type ModelStatic,
  Sequelize,
  type Transaction,
} from "sequelize";
import { type Account, type Bank, runBank } from "./support/bank.ts";
import { type Place, work } from "./support/place.ts";

/** The options that Sequelize sets on connections that it opens. */
const session = {
  dateStrings: ["DATE" as const],
  flags: ["-FOUND_ROWS"],
  initSql: "SET time_zone = '+00:00'",
  supportBigNumbers: true,
  timezone: "Z",
};

interface On {
  readonly transaction: Transaction | null;
}

const none: On = { transaction: null };

const attributes = {
  id: { type: DataTypes.INTEGER, primaryKey: true },
  owner: { type: DataTypes.STRING(40), allowNull: false },
  balance: { type: DataTypes.INTEGER, allowNull: false },
};

function bankOf(orm: Sequelize): Bank<On> {
  const accounts: ModelStatic<Model<Account>> = orm.define("accounts", attributes, {
    timestamps: false,
  });
  return {
    orm: none,
    createTable: () => orm.sync(),
    open: (on, list) => accounts.bulkCreate([...list], on),
    find: async (on, id) => (await accounts.findByPk(id, on))?.get(),
    total: (on) => accounts.sum("balance", on),
    add: (on, id, by) => accounts.increment("balance", { by, where: { id }, ...on }),
    raw: (on, text) => orm.query(text, on),
    transaction: (fn) => orm.transaction((transaction) => fn({ transaction })),
  };
}

/** A nested transaction is a savepoint. */
async function nests(orm: Sequelize, { find }: Bank<On>): Promise<void> {
  const rename = (on: On, owner: string): Promise<unknown> =>
    orm.query("UPDATE accounts SET owner = $owner WHERE id = 1", { ...on, bind: { owner } });
  const reason = new Error("Only the inner one");
  await orm.transaction(async (transaction) => {
    await rename({ transaction }, "outer");
    const inner = orm.transaction({ transaction }, async (saved) => {
      await rename({ transaction: saved }, "inner");
      throw reason;
    });
    await assert.rejects(inner, (error) => error === reason);
  });
  assert.equal((await find(none, 1))?.owner, "outer");
}

/** Sequelize reads the same values as with its own connections. */
async function readsAlike(orm: Sequelize, { uri }: Place): Promise<void> {
  const own = new Sequelize(uri, { dialectModule: mysql2, logging: false, pool: { max: 1 } });
  const answers = [];
  for (const each of [orm, own]) {
    const visits = each.define("visits", {
      at: DataTypes.DATE(3),
      big: DataTypes.BIGINT,
      day: DataTypes.DATEONLY,
      isPaid: DataTypes.BOOLEAN,
      note: DataTypes.JSON,
      price: DataTypes.DECIMAL(10, 2),
      seen: { type: "TIMESTAMP", defaultValue: literal("'2026-01-02 03:04:05'") },
    }, { timestamps: false });
    await visits.sync({ force: true });
    const at = new Date("2026-03-29T02:30:00.123Z");
    const big = "9007199254740993";
    await visits.create({ at, big, day: "2026-03-29", isPaid: true, note: { a: [1] }, price: 0.1 });
    const updated = await visits.update({ isPaid: true }, { where: {} });
    const [found] = await visits.findAll();
    answers.push({ updated, ...found?.get() });
  }
  assert.deepEqual(answers[0], answers[1]);
  await own.close();
}

await work(async (place) => {
  const { pool } = place;
  const orm = new Sequelize({ dialect: "mysql", logging: false });
  Object.assign(orm.connectionManager, {
    getConnection: () => promisify(pool.getConnection).call(pool),
    releaseConnection: (connection: PoolConnection) => connection.release(),
    destroyConnection: (connection: PoolConnection) => connection.destroy(),
  });
  const bank = bankOf(orm);
  await runBank(place, bank);
  await nests(orm, bank);
  await readsAlike(orm, place);
  await orm.close();
}, session);
