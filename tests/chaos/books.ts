/** Audits a bank: compares the outcomes that its tellers got with the rows at the server. */

import type { Server } from "../support/server.ts";
import type { BankReport } from "./bank/bank.ts";

/** The accounts of a bank when it opens. */
export interface Accounts {
  /** How many there are, numbered from 1. */
  readonly count: number;
  /** The balance of each. */
  readonly balance: number;
}

/** The result of an audit. */
export interface Findings {
  /** Whether the total is right, and each balance matches the ledger. */
  readonly isSumKept: boolean;
  /** The acknowledged transfers that are not in the ledger. */
  readonly lost: readonly number[];
  /** The transfers that are in the ledger more often than their outcome allows. */
  readonly doubled: readonly number[];
  /** How many transfers with an unknown outcome are in the ledger. */
  readonly unknownThere: number;
}

/** Creates the accounts and the ledger, and drops old ones. */
export async function openBooks(server: Server, { count, balance }: Accounts): Promise<void> {
  await server.query("DROP TABLE IF EXISTS test.accounts, test.ledger");
  await server.query(
    "CREATE TABLE test.accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL) ENGINE = InnoDB",
  );
  await server.query(
    `CREATE TABLE test.ledger (
      entry BIGINT AUTO_INCREMENT PRIMARY KEY, number BIGINT NOT NULL, source INT NOT NULL,
      sink INT NOT NULL, amount INT NOT NULL, KEY (number)
    ) ENGINE = InnoDB`,
  );
  const rows = Array.from({ length: count }, (_, i) => [i + 1, balance]);
  await server.query("INSERT INTO test.accounts VALUES ?", [rows]);
}

/** Compares the outcomes of transfers with the rows at the server, after all transfers ended. */
export async function closeBooks(
  server: Server,
  { count, balance }: Accounts,
  { acknowledged, unknown, refused }: BankReport,
): Promise<Findings> {
  const entries = await server.query<{ number: number; times: number }>(
    "SELECT number, COUNT(*) AS times FROM test.ledger GROUP BY number",
  );
  const times = new Map(entries.map((entry) => [Number(entry.number), Number(entry.times)]));
  const timesOf = (number: number): number => times.get(number) ?? 0;
  const isAbove = (max: number) => (number: number): boolean => timesOf(number) > max;
  const known = new Set([...acknowledged, ...unknown, ...refused]);
  return {
    isSumKept: await isSumKept(server, count * balance, balance),
    lost: acknowledged.filter((number) => timesOf(number) === 0),
    doubled: [
      ...acknowledged.filter(isAbove(1)),
      ...unknown.filter(isAbove(1)),
      ...refused.filter(isAbove(0)),
      ...[...times.keys()].filter((number) => !known.has(number)),
    ],
    unknownThere: unknown.filter(isAbove(0)).length,
  };
}

async function isSumKept(server: Server, total: number, balance: number): Promise<boolean> {
  const [sum] = await server.query<{ total: string }>(
    "SELECT SUM(balance) AS total FROM test.accounts",
  );
  const wrong = await server.query(
    `SELECT a.id FROM test.accounts a LEFT JOIN (
       SELECT id, SUM(amount) AS amount FROM (
         SELECT source AS id, -amount AS amount FROM test.ledger
         UNION ALL SELECT sink, amount FROM test.ledger
       ) moves GROUP BY id
     ) m ON m.id = a.id WHERE a.balance <> ? + COALESCE(m.amount, 0)`,
    [balance],
  );
  return Number(sum?.total) === total && wrong.length === 0;
}
