/**
 * The work that every ORM does through its own API: it opens and reads accounts and transfers
 * between them, alone and in parallel, while statements fail and connections end.
 */

import assert from "node:assert/strict";
import { assertCode, assertLost, failsWith } from "./failing.ts";
import type { Place } from "./place.ts";

/** A row of the table `accounts`, whose `id` is its primary key. */
export interface Account {
  readonly id: number;
  readonly owner: string;
  readonly balance: number;
}

/** The work in terms of one ORM; `On` is the ORM itself, or one of its transactions. */
export interface Bank<On> {
  /** Runs work outside a transaction. */
  readonly orm: On;
  /** Creates the table. */
  createTable(): Promise<unknown>;
  /** Inserts accounts. */
  open(on: On, accounts: readonly Account[]): Promise<unknown>;
  /** Returns the account with an id, if it exists. */
  find(on: On, id: number): Promise<Account | undefined>;
  /** Returns the sum of all balances. */
  total(on: On): Promise<number>;
  /** Adds to a balance. */
  add(on: On, id: number, amount: number): Promise<unknown>;
  /** Sends an SQL text of the caller. */
  raw(on: On, sql: string): Promise<unknown>;
  /** Runs code in a transaction. */
  transaction(fn: (on: On) => Promise<void>): Promise<void>;
  /** Streams all accounts, ordered by id, if the ORM can stream. */
  stream?(): AsyncIterable<Account>;
}

/** How many accounts there are, each with a balance of 100. */
const count = 100;
/** How many tasks run at once: many more than there are connections. */
const crowd = 20;

/** Runs every step with one ORM. */
export async function runBank<On>(place: Place, bank: Bank<On>): Promise<void> {
  await bank.createTable();
  for (const step of [reads, commits, surrounded, crowds, streams, fails, survives]) {
    try {
      await step(place, bank);
      await place.free();
    } catch (error) {
      throw new Error(`It ${step.name} otherwise than it should`, { cause: error });
    }
    assert.equal(await bank.total(bank.orm), count * 100, `The sum, after it ${step.name}`);
  }
}

/** The ORM reads what it wrote. */
async function reads<On>(_place: Place, bank: Bank<On>): Promise<void> {
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  await bank.open(bank.orm, ids.map((id) => ({ id, owner: `Ö'wner\\${id}`, balance: 100 })));
  assert.deepEqual({ ...await bank.find(bank.orm, 7) }, {
    id: 7,
    owner: "Ö'wner\\7",
    balance: 100,
  });
  assert.ok(await bank.find(bank.orm, count + 1) == undefined);
}

/** A transaction sees its writes at once; others see them after COMMIT, or never if it fails. */
async function commits<On>(_place: Place, bank: Bank<On>): Promise<void> {
  const balance = async (on: On, id: number): Promise<unknown> =>
    (await bank.find(on, id))?.balance;
  await bank.transaction(async (on) => {
    await bank.add(on, 1, -10);
    await bank.add(on, 2, 10);
    assert.equal(await balance(on, 1), 90);
    assert.equal(await balance(bank.orm, 1), 100);
  });
  assert.deepEqual([await balance(bank.orm, 1), await balance(bank.orm, 2)], [90, 110]);
  const reason = new Error("No, after all");
  const failing = bank.transaction(async (on) => {
    await bank.add(on, 1, -50);
    assert.equal(await balance(on, 1), 40);
    throw reason;
  });
  await assert.rejects(failing, (error) => error === reason);
  assert.equal(await balance(bank.orm, 1), 90);
}

/**
 * Inside a transaction of the pool below, the ORM writes nothing outside of that transaction, unless
 * its pool is separate. Then its writes, and its own transactions, are its own.
 */
async function surrounded<On>(place: Place, bank: Bank<On>): Promise<void> {
  const { orm } = bank;
  if (place.transaction === undefined) return;
  const reason = new Error("The transaction around it is called off");
  const add = (): Promise<unknown> => bank.add(orm, 9, -1);
  const transfer = (): Promise<void> =>
    bank.transaction(async (on) => void await bank.add(on, 9, 1));
  const isLeft = place.transaction(async () => {
    if (place.isSeparate) await add();
    else await add().catch((error: unknown) => assertCode(error, "TRANSACTION_OPEN"));
    throw reason;
  });
  await assert.rejects(isLeft, (error) => error === reason);
  assert.equal((await bank.find(orm, 9))?.balance, place.isSeparate ? 99 : 100);
  const around = place.transaction(async () => {
    if (place.isSeparate) await transfer();
    else await failsWith(transfer(), "TRANSACTION_OPEN");
  });
  await around;
  assert.equal((await bank.find(orm, 9))?.balance, 100);
}

/** Many units of work queue; none waits for ever, and none sees another's uncommitted writes. */
async function crowds<On>(place: Place, bank: Bank<On>): Promise<void> {
  const reason = new Error("A transfer is called off");
  const transfer = async (i: number): Promise<void> => {
    await bank.transaction(async (on) => {
      await bank.add(on, 10 + i, -1);
      await bank.add(on, 10 + i + 1, 1);
      if (i % 4 === 0) throw reason;
    }).catch((error: unknown) => {
      if (error !== reason) throw error;
    });
    const [one, other] = [await bank.find(bank.orm, 10 + i), await bank.total(bank.orm)];
    assert.equal(one?.owner, `Ö'wner\\${10 + i}`);
    assert.equal(other, count * 100);
  };
  await place.crowd(Array.from({ length: crowd }, (_, i) => () => transfer(i)));
  const moved = await place.crowd(
    Array.from({ length: crowd }, (_, i) => () => bank.find(bank.orm, 10 + i)),
  );
  const expected = Array.from({ length: crowd }, (_, i) => {
    const isPaid = i > 0 && (i - 1) % 4 !== 0;
    return 100 - (i % 4 === 0 ? 0 : 1) + (isPaid ? 1 : 0);
  });
  assert.deepEqual(moved.map((account) => account?.balance), expected);
}

/** The ORM streams rows, to the end or not. */
async function streams<On>(_place: Place, bank: Bank<On>): Promise<void> {
  if (bank.stream === undefined) return;
  const ids: number[] = [];
  for await (const { id } of bank.stream()) ids.push(id);
  assert.deepEqual(ids, Array.from({ length: count }, (_, i) => i + 1));
  for (let time = 0; time < 4; time++) {
    for await (const { id } of bank.stream()) {
      if (id === 3) break;
    }
  }
}

/** The caller gets the code of a server error, and the transaction around it is rolled back. */
async function fails<On>(place: Place, bank: Bank<On>): Promise<void> {
  const { orm } = bank;
  const twin = { id: 1, owner: "twin", balance: 0 };
  await failsWith(bank.open(orm, [twin]), "ER_DUP_ENTRY");
  await failsWith(bank.raw(orm, "SELEC 1"), "ER_PARSE_ERROR");
  const failing = (): Promise<void> =>
    bank.transaction(async (on) => {
      await bank.add(on, 5, -100);
      await bank.open(on, [twin]);
    });
  await Promise.all(
    Array.from({ length: crowd }, () => place.unit(() => failsWith(failing(), "ER_DUP_ENTRY"))),
  );
  assert.equal((await bank.find(orm, 5))?.balance, 100);
}

/** When the server ends a connection, only the work on that connection fails. */
async function survives<On>(place: Place, bank: Bank<On>): Promise<void> {
  const { orm } = bank;
  assertLost(await place.killedAsleep(() => bank.raw(orm, "SELECT SLEEP(60)")));
  const failing = (): Promise<void> =>
    bank.transaction(async (on) => {
      await bank.add(on, 5, -100);
      await bank.raw(on, "SELECT SLEEP(60)");
    });
  assertLost(await place.killedAsleep(failing));
  await Promise.all(Array.from({ length: crowd }, () => bank.find(orm, 5))).then((found) => {
    assert.ok(found.every((account) => account?.balance === 100));
  });
}
