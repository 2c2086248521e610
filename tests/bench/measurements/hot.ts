/**
 * A hot virtual connection: many requests through one name. Each request releases its actual
 * connection to others while it does other work.
 */

import { setTimeout as otherWork } from "node:timers/promises";
import mysql from "mysql2/promise";
import { createPool, type Pool } from "../../../mod.ts";
import { compare } from "../compare.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { nap } from "../peers/statements.ts";
import { brief, type Contestant, ratioOf, takeTurns } from "../stats.ts";

/** Measures requests that use the database only part of the time. */
export const hot: Measurement = { name: "hot", measure };

const LIMIT = 10;
const STATEMENTS = 3;
const WORK_MS = 5;

async function measure({ isQuick, server }: Bench): Promise<Finding> {
  const uri = server.url();
  await using ten = createPool({ uri, connectionLimit: LIMIT, shared: false });
  await using one = createPool({ uri, connectionLimit: 1, shared: false });
  const held = mysql.createPool({ uri, connectionLimit: LIMIT });
  const count = isQuick ? 120 : 1000;
  const contestants = [
    contestant("ten", "Sublet", `db.unit, limit ${LIMIT}`, count, () => inUnit(ten)),
    contestant("one", "one actual connection", "db.unit, limit 1", count, () => inUnit(one)),
    contestant(
      "held",
      "mysql2/promise",
      `pool.getConnection held for the request, limit ${LIMIT}`,
      count,
      () => holding(held),
    ),
  ];
  for (const each of [ten, one]) await each.query("SELECT 1");
  await Promise.all(Array.from({ length: LIMIT }, () => held.query(nap)));
  const plan = { rounds: isQuick ? 2 : 5, sliceMs: 0, warmMs: 0 };
  const { wall: costs } = await takeTurns(contestants, plan);
  await held.end();
  const section = compare([{ label: `${count} at once`, contestants, costs }], {
    title: "A hot virtual connection",
    prose: `${count} requests at once, each ${STATEMENTS} statements of 2 ms at the server with ` +
      `${WORK_MS} ms of other work between them; what a request takes of the whole time.`,
    unit: ["ms", 1000],
    plot: "hot",
  });
  const against = (key: string): number => brief(ratioOf(costs, key, "ten").median);
  return {
    sections: [section],
    figures: { hot: { oneActual: against("one"), mysql2Held: against("held") } },
  };
}

function contestant(
  key: string,
  label: string,
  note: string,
  count: number,
  request: () => Promise<void>,
): Contestant {
  const run = async (): Promise<number> => {
    await Promise.all(Array.from({ length: count }, request));
    return count;
  };
  return { key, label, note, run };
}

function inUnit(db: Pool<"main">): Promise<void> {
  return db.unit(() => statements(() => db.query(nap)));
}

async function holding(pool: mysql.Pool): Promise<void> {
  const connection = await pool.getConnection();
  await statements(() => connection.query(nap));
  connection.release();
}

async function statements(statement: () => Promise<unknown>): Promise<void> {
  for (let turn = 0; turn < STATEMENTS; turn++) {
    if (turn > 0) await otherWork(WORK_MS);
    await statement();
  }
}
