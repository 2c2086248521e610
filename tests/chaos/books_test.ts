/** The audit of a bank finds every error in its books. */

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { type Server, startServer } from "../support/server.ts";
import type { BankReport } from "./bank/bank.ts";
import { closeBooks, type Findings, openBooks } from "./books.ts";

const accounts = { count: 3, balance: 100 };
const nothing: BankReport = {
  acknowledged: [],
  unknown: [],
  refused: [],
  reasons: {},
  complaints: [],
};
const good: Findings = { isSumKept: true, lost: [], doubled: [], unknownThere: 0 };

let server: Server;
before(async () => {
  server = await startServer();
});
beforeEach(() => openBooks(server, accounts));
after(() => server.remove());

/** Carries out a transfer from the first account to the second, as a bank would. */
async function transfer(number: number): Promise<void> {
  await server.query("INSERT INTO test.ledger VALUES (NULL, ?, 1, 2, 10)", [number]);
  await server.query("UPDATE test.accounts SET balance = balance - 10 WHERE id = 1");
  await server.query("UPDATE test.accounts SET balance = balance + 10 WHERE id = 2");
}

test("the audit accepts acknowledged transfers once, and refused ones not at all", async () => {
  await transfer(1);
  await transfer(2);
  const report = { ...nothing, acknowledged: [1], unknown: [2, 3], refused: [4] };
  assert.deepEqual(await closeBooks(server, accounts, report), { ...good, unknownThere: 1 });
});

test("an acknowledged transfer that is not in the ledger is lost", async () => {
  await transfer(1);
  const findings = await closeBooks(server, accounts, { ...nothing, acknowledged: [1, 2] });
  assert.deepEqual(findings, { ...good, lost: [2] });
});

test("a transfer that is in the ledger more often than its outcome allows is doubled", async () => {
  for (const number of [1, 1, 2, 2, 3, 4]) await transfer(number);
  const report = { ...nothing, acknowledged: [1], unknown: [2], refused: [3] };
  const { doubled } = await closeBooks(server, accounts, report);
  assert.deepEqual(doubled, [1, 2, 3, 4]);
});

test("the audit finds half a transfer, and one whose money went to another account", async () => {
  await transfer(1);
  await server.query("UPDATE test.accounts SET balance = balance - 10 WHERE id = 3");
  const half = await closeBooks(server, accounts, { ...nothing, acknowledged: [1] });
  assert.equal(half.isSumKept, false);
  await server.query("UPDATE test.accounts SET balance = balance + 10 WHERE id = 1");
  const astray = await closeBooks(server, accounts, { ...nothing, acknowledged: [1] });
  assert.equal(astray.isSumKept, false);
});
