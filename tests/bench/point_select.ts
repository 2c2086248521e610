/**
 * End to end on a real server: a prepared select of one row by its key, through this pool
 * and through that of mysql2/promise, in one process, in alternating slices.
 */

import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { createPool } from "../../mod.ts";
import { startServer } from "../support/server.ts";
import { type Contestant, type Plan, ratioOf, type Spread, spreadOf, takeTurns } from "./stats.ts";

/** How many statements are under way at once. */
export const AT_ONCE: readonly number[] = [1, 16, 256];

/** What was found, for so many at once. */
export interface PointSelect {
  readonly atOnce: number;
  /** How many times as many statements a second this pool runs as the other. */
  readonly ratio: Spread;
  /** Microseconds a statement, through this pool and through the other. */
  readonly sublet: Spread;
  readonly mysql2: Spread;
}

/** What was found, and on which server. */
export interface PointSelects {
  readonly server: string;
  readonly found: readonly PointSelect[];
}

const ROWS = 1000;
const CONNECTIONS = 10;
const SQL = "SELECT id, name, price FROM test.item WHERE id = ?";

type Execute = (sql: string, values: number[]) => Promise<[unknown, unknown]>;

/** Measures all three loads, each by itself. */
export async function measurePointSelect(plan: Plan): Promise<PointSelects> {
  await using server = await startServer();
  await server.query("CREATE TABLE test.item (id INT PRIMARY KEY, name VARCHAR(40), price INT)");
  await server.query(
    `INSERT INTO test.item SELECT seq, CONCAT('item ', seq), seq * 7 FROM (${sequence(ROWS)}) s`,
  );
  const [version] = await server.query<{ version: string }>("SELECT VERSION() version");
  const uri = server.url();
  await using ours = createPool({ uri, connectionLimit: CONNECTIONS, shared: false });
  await using theirs = mysql.createPool({ uri, connectionLimit: CONNECTIONS });
  const executes: Record<string, Execute> = {
    sublet: (sql, values) => ours.execute(sql, values),
    mysql2: (sql, values) => theirs.execute(sql, values),
  };
  for (const execute of Object.values(executes)) {
    assert.deepEqual((await execute(SQL, [7]))[0], [{ id: 7, name: "item 7", price: 49 }]);
  }
  const found: PointSelect[] = [];
  for (const atOnce of AT_ONCE) {
    const contestants = Object.entries(executes).map(([name, execute]) =>
      contestant(name, atOnce, execute)
    );
    const costs = await takeTurns(contestants, plan);
    const [sublet, mysql2] = [costs.get("sublet")!, costs.get("mysql2")!];
    found.push({
      atOnce,
      ratio: ratioOf(mysql2, sublet),
      sublet: spreadOf(sublet),
      mysql2: spreadOf(mysql2),
    });
  }
  return { server: version!.version, found };
}

function contestant(name: string, atOnce: number, execute: Execute): Contestant {
  return {
    name,
    run: async (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      const client = async (): Promise<void> => {
        for (; performance.now() < end; count++) await execute(SQL, [1 + count * 31 % ROWS]);
      };
      await Promise.all(Array.from({ length: atOnce }, client));
      return count;
    },
  };
}

/** Returns a select of the numbers from 1 to `count`, in the SQL of every server. */
function sequence(count: number): string {
  const digits = "SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL " +
    "SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 " +
    "UNION ALL SELECT 9";
  return `SELECT 1 + a.d + 10 * b.d + 100 * c.d seq FROM (${digits}) a, (${digits}) b, ` +
    `(${digits}) c WHERE 1 + a.d + 10 * b.d + 100 * c.d <= ${count}`;
}
