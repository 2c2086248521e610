/** A transaction through the pool, against the same on one driver connection. */

import mysql from "mysql2/promise";
import { createPool } from "../../../mod.ts";
import { compare, rates, type Situation } from "../compare.ts";
import { ROWS } from "../items.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { type Contestant, takeTurns } from "../stats.ts";

/** Measures transactions. */
export const transaction: Measurement = { name: "transaction", measure };

const READ = "SELECT price FROM test.item WHERE id = ? FOR UPDATE";
const WRITE = "UPDATE test.item SET price = price + 1 WHERE id = ?";
const LOOK = "SELECT price FROM test.item WHERE id = ?";

type Execute = (sql: string, values: number[]) => Promise<unknown>;

async function measure({ isQuick, server }: Bench): Promise<Finding> {
  const uri = server.url();
  await using db = createPool({ uri, connectionLimit: 10, shared: false });
  const connection = await mysql.createConnection({ uri });
  const execute: Execute = (sql, values) => db.execute(sql, values);
  const contestants = [
    contestant("sublet", "Sublet", "db.transaction", (id) => {
      return db.transaction(() => statements(execute, id));
    }),
    contestant(
      "mysql2Promise",
      "mysql2/promise",
      "one connection: beginTransaction, commit",
      async (id) => {
        await connection.beginTransaction();
        await statements((sql, values) => connection.execute(sql, values), id);
        await connection.commit();
      },
    ),
  ];
  const plan = {
    rounds: isQuick ? 13 : 41,
    sliceMs: isQuick ? 40 : 150,
    warmMs: 250,
  };
  const { wall: costs } = await takeTurns(contestants, plan);
  await connection.end();
  const situation: Situation = { label: "one at a time", contestants, costs };
  const section = compare([situation], {
    title: "A transaction of three statements",
    prose: "A row is read for update, written and read; begin and commit are two statements more.",
    unit: ["µs", 1],
    plot: "transaction",
  });
  return {
    sections: [section],
    figures: { transaction: rates(situation)["mysql2Promise"]! },
  };
}

async function statements(execute: Execute, id: number): Promise<void> {
  for (const sql of [READ, WRITE, LOOK]) await execute(sql, [id]);
}

function contestant(
  key: string,
  label: string,
  note: string,
  transact: (id: number) => Promise<void>,
): Contestant {
  return {
    key,
    label,
    note,
    run: async (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      for (; performance.now() < end; count++) await transact(1 + count * 31 % ROWS);
      return count;
    },
  };
}
