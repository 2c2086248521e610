/** End to end: a prepared select of one row by its key, on a real server. */

import assert from "node:assert/strict";
import mysqlCallbacks from "mysql2";
import { compare, rates, type Situation } from "../compare.ts";
import { ROWS } from "../items.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import type { Client } from "../peers/client.ts";
import { closeAll, makersOf, pointSelect as sql, serverlessClient } from "../peers/clients.ts";
import { type Contestant, takeTurns } from "../stats.ts";

/** Measures selects, so many at once. */
export const pointSelect: Measurement = { name: "select", measure };

const LIMIT = 10;
const AT_ONCE: readonly number[] = [1, 16, 256];

async function measure({ runtime, isQuick, server }: Bench): Promise<Finding> {
  const setting = { uri: server.url(), limit: LIMIT };
  const clients = makersOf(runtime).map((make) => make(setting));
  const lonely = serverlessClient(setting);
  for (const client of [...clients, lonely]) {
    const rows = [...await client.select(7)];
    assert.deepEqual(rows, [{ id: 7, name: "item 7", price: 49 }], client.label);
  }
  const callbacks = mysqlCallbacks.createPool({ uri: setting.uri, connectionLimit: LIMIT });
  const plan = {
    rounds: isQuick ? 9 : 25,
    sliceMs: isQuick ? 50 : 200,
    warmMs: 250,
  };
  const situations: Situation[] = [];
  for (const atOnce of AT_ONCE) {
    const contestants = clients.map((client) => byPromises(client, atOnce));
    contestants.push(byCallbacks(callbacks, atOnce));
    if (atOnce === 1) contestants.push(byPromises(lonely, atOnce));
    const costs = await takeTurns(contestants, plan);
    situations.push({ label: `${atOnce} at once`, contestants, costs });
  }
  await closeAll([...clients, lonely]);
  await new Promise<void>((resolve) => callbacks.end(() => resolve()));
  const section = compare(situations, {
    title: "A select by key",
    prose: `\`${sql}\`, prepared, of ${ROWS} rows, with a limit of ${LIMIT}; what a statement ` +
      "takes, on this client and this server together.",
    unit: ["µs", 1],
    plot: "select",
  });
  return {
    sections: [section],
    figures: {
      pointSelect: Object.fromEntries(
        situations.map((situation, index) => [AT_ONCE[index], rates(situation)]),
      ),
    },
  };
}

/** The key of the row that is selected next. */
function idAt(count: number): number {
  return 1 + count * 31 % ROWS;
}

function byPromises({ key, label, note, select }: Client, atOnce: number): Contestant {
  return {
    key,
    label,
    note,
    run: async (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      const client = async (): Promise<void> => {
        for (; performance.now() < end; count++) await select(idAt(count));
      };
      await Promise.all(Array.from({ length: atOnce }, client));
      return count;
    },
  };
}

/** mysql2's pool by callbacks, without any promise. */
function byCallbacks(pool: mysqlCallbacks.Pool, atOnce: number): Contestant {
  const run = (ms: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const end = performance.now() + ms;
      let count = 0;
      let clients = atOnce;
      const next = (): void => {
        if (performance.now() < end) pool.execute(sql, [idAt(count++)], answered);
        else if (--clients === 0) resolve(count);
      };
      const answered = (error: Error | null): void => error ? reject(error) : next();
      for (let client = 0; client < atOnce; client++) next();
    });
  const note = "pool.execute with a callback, no promise";
  return { key: "mysql2Callback", label: "mysql2, callbacks", note, run };
}
