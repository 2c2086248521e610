/** Moves money between accounts: in one transaction, however deep the calls, or not at all. */

import process from "node:process";
import { createPool } from "../mod.ts";

const db = createPool({
  uri: process.env["MYSQL_URL"] ?? "mysql://app:secret@127.0.0.1:3306/test",
  connectionLimit: 1,
  connections: { bank: {} },
});
const bank = db.connection("bank");
const balanceOf = bank.method<{ id: number }, { amount: number }>(
  "SELECT amount FROM accounts WHERE id = :id",
);

await bank.query("CREATE TABLE IF NOT EXISTS accounts (id INT PRIMARY KEY, amount INT NOT NULL)");
await bank.query("REPLACE INTO accounts VALUES (1, 100), (2, 0)");

await transfer(1, 2, 30);
await transfer(1, 2, 500).catch((error: Error) => console.log(error.message));

const amounts = [await balanceOf({ id: 1 }), await balanceOf({ id: 2 })];
console.log(amounts.flat()); // [ { amount: 70 }, { amount: 30 } ]
await bank.query("DROP TABLE accounts");
await db.drain();

/** Moves money; the pool repeats the whole unit if it loses a deadlock. */
async function transfer(from: number, to: number, amount: number): Promise<void> {
  await db.unit(async () => {
    await add(to, amount);
    await add(from, -amount);
  }, { transaction: "bank", retries: 3 });
}

/** Runs statements deep in the unit, on the connection that the unit already has. */
async function add(id: number, amount: number): Promise<void> {
  await bank.execute("UPDATE accounts SET amount = amount + ? WHERE id = ?", [amount, id]);
  const [account] = await balanceOf({ id });
  if (account === undefined || account.amount < 0) {
    throw new RangeError(`Account ${id} has not enough`);
  }
}
