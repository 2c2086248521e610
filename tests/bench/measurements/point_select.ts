/** End to end: a prepared select of one row by its key, on a real server. */

import assert from "node:assert/strict";
import mysqlCallbacks from "mysql2";
import { compare, multiples, rates, type Situation } from "../compare.ts";
import { ROWS } from "../items.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { bareClient } from "../peers/bare.ts";
import type { Client } from "../peers/client.ts";
import { closeAll, makersOf, serverlessClient } from "../peers/clients.ts";
import { pointSelect as sql } from "../peers/statements.ts";
import { type Contestant, takeTurns } from "../stats.ts";
import { askTimes, WARM } from "../users.ts";

/** Measures concurrent selects. */
export const pointSelect: Measurement = { name: "select", measure };

const LIMIT = 10;
const AT_ONCE: readonly number[] = [1, 16, 256];

async function measure({ runtime, isQuick, server }: Bench): Promise<Finding> {
  const setting = { uri: server.url(), limit: LIMIT };
  const clients = [...makersOf(runtime), bareClient].map((make) => make(setting));
  const lonely = serverlessClient(setting);
  for (const client of [...clients, lonely]) {
    const rows = client.rowsOf(await client.select(7));
    assert.deepEqual(rows, [{ id: 7, name: "item 7", price: 49 }], client.label);
  }
  for (const { select } of clients) {
    await askTimes(WARM, AT_ONCE[1]!, (count) => select(idAt(count)));
  }
  const callbacks = mysqlCallbacks.createPool({ uri: setting.uri, connectionLimit: LIMIT });
  const plan = { rounds: isQuick ? 11 : 25, sliceMs: 0 };
  const situations: Situation[] = [];
  for (const atOnce of AT_ONCE) {
    // A slice is a number of statements: on a busy machine a fixed time would have too few.
    const slice = (atOnce === 1 ? 300 : 1500) * (isQuick ? 1 : 4);
    const contestants = clients.map((client) => byPromises(client, atOnce, slice));
    contestants.push(byCallbacks(callbacks, atOnce, slice));
    if (atOnce === 1) contestants.push(byPromises(lonely, atOnce, slice));
    const { wall: costs, cpu } = await takeTurns(contestants, plan);
    situations.push({ label: `${atOnce} at once`, contestants, costs, cpu });
  }
  await closeAll([...clients, lonely]);
  await new Promise<void>((resolve) => callbacks.end(() => resolve()));
  const section = compare(situations, {
    title: "A select by key",
    prose: `\`${sql}\`, prepared, of ${ROWS} rows, with a limit of ${LIMIT}; what a statement ` +
      "takes as people have it, and of that the CPU time of the client's process.",
    unit: ["µs", 1],
    plot: "select",
  });
  const byAtOnce = <T>(find: (situation: Situation) => T): Record<string, T> =>
    Object.fromEntries(situations.map((situation, index) => [AT_ONCE[index], find(situation)]));
  return {
    sections: [section],
    figures: {
      pointSelect: byAtOnce(rates),
      pointSelectCpu: byAtOnce(({ contestants, cpu }) => multiples(contestants, cpu!)),
    },
  };
}

/** Returns the key of the next row. */
function idAt(count: number): number {
  return 1 + count * 31 % ROWS;
}

function byPromises(
  { key, label, note, select }: Client,
  atOnce: number,
  slice: number,
): Contestant {
  const run = async (): Promise<number> => {
    await askTimes(slice, atOnce, (count) => select(idAt(count)));
    return slice;
  };
  return { key, label, note, run };
}

/** Returns mysql2's pool with callbacks, without any promise, as a contestant. */
function byCallbacks(pool: mysqlCallbacks.Pool, atOnce: number, slice: number): Contestant {
  const run = (): Promise<number> =>
    new Promise((resolve, reject) => {
      let count = 0;
      let clients = atOnce;
      const next = (): void => {
        if (count < slice) pool.execute(sql, [idAt(count++)], answered);
        else if (--clients === 0) resolve(slice);
      };
      const answered = (error: Error | null): void => error ? reject(error) : next();
      for (let client = 0; client < atOnce; client++) next();
    });
  const note = "pool.execute with a callback, no promise";
  return { key: "mysql2Callback", label: "mysql2, callbacks", note, run };
}
