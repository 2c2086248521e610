/**
 * The cost of a pool's JavaScript above a bare array of the driver's connections. The process
 * replays the answers to statements, so that neither kernel nor server contributes.
 */

import assert from "node:assert/strict";
import { ROWS } from "../items.ts";
import type { Bench, Finding, Measurement, Section } from "../measurement.ts";
import { bareClient } from "../peers/bare.ts";
import type { Client } from "../peers/client.ts";
import {
  callbackClient,
  closeAll,
  mysql2Client,
  subletClient,
  subletPool,
} from "../peers/clients.ts";
import { pointSelect, rowsOfPair } from "../peers/statements.ts";
import { replayOf } from "../replay.ts";
import { brief, type Contestant, type Costs, lowOf, takeTurns, terse } from "../stats.ts";
import { askTimes } from "../users.ts";
import { watch } from "../watched.ts";

/** Measures the CPU time that pools add to a statement. */
export const javascript: Measurement = { name: "javascript", measure };

const LIMIT = 10;
const AT_ONCE: readonly number[] = [1, 16, 256];
const STATEMENTS = 3;
/** How many statements each client runs in a turn. */
const SLICE = 1500;

/** A client with replayed answers. */
interface Replayed extends Client {
  /** How many statements one `select` runs. */
  readonly statements?: number;
}

async function measure({ isQuick, server }: Bench): Promise<Finding> {
  const uri = server.url();
  const setting = { uri, limit: LIMIT, dial: replayOf(uri) };
  const makers = [bareClient, subletClient, unitClient, mysql2Client, callbackClient];
  const clients = makers.map((make): Replayed => make(setting));
  for (const client of clients) await assertReplayed(client);
  // A slice is a number of statements: on a busy machine a fixed time may not compile the code.
  const plan = { rounds: isQuick ? 15 : 41, sliceMs: 0, warmRounds: 8 };
  const found: [number, Costs][] = [];
  for (const atOnce of AT_ONCE) {
    const contestants = clients.map((client) => contestant(client, atOnce));
    const { cpu } = await takeTurns(contestants, plan);
    found.push([atOnce, cpu]);
  }
  const [spent] = await watch(clients.slice(1, 2), AT_ONCE[1]!, isQuick ? 9000 : 45_000);
  await closeAll(clients);
  const figures = found.map(([atOnce, cpu]) => {
    const others = clients.slice(1).map(({ key }) => [key, brief(above(cpu, key))]);
    return [atOnce, Object.fromEntries(others)];
  });
  return {
    sections: [tell(clients, found)],
    figures: { javascriptUs: Object.fromEntries(figures), javascriptParts: spent!.byOwner },
  };
}

/** This pool in units of work of three statements each. */
function unitClient(setting: Parameters<typeof subletPool>[0]): Replayed {
  const pool = subletPool(setting);
  const run = async (id: number): Promise<unknown> => {
    for (let turn = 1; turn < STATEMENTS; turn++) await pool.execute(pointSelect, [id]);
    return await pool.execute(pointSelect, [id]);
  };
  return {
    key: "units",
    label: "Sublet in units",
    note: `db.unit, ${STATEMENTS} statements each`,
    statements: STATEMENTS,
    select: (id) => pool.unit(() => run(id)),
    rowsOf: rowsOfPair,
    nap: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => pool.drain(),
  };
}

/** Expects that a client gets the answer for id 7 also for id 8, as it is replayed. */
async function assertReplayed(client: Client): Promise<void> {
  for (const id of [7, 8]) {
    const rows = client.rowsOf(await client.select(id));
    assert.deepEqual(rows, [{ id: 7, name: "item 7", price: 49 }], client.label);
  }
}

function contestant({ key, label, select, statements = 1 }: Replayed, atOnce: number): Contestant {
  const run = async (): Promise<number> => {
    await askTimes(SLICE / statements, atOnce, (count) => select(1 + count * 31 % ROWS));
    return SLICE;
  };
  return { key, label, run };
}

/** Returns how many µs more a client needs than the bare array. */
function above(cpu: Costs, key: string): number {
  return lowOf(cpu, key) - lowOf(cpu, "bare");
}

function tell(clients: readonly Replayed[], found: readonly [number, Costs][]): Section {
  const title = "JavaScript above a bare array of connections";
  return {
    title,
    prose: `\`${pointSelect}\`, prepared, with a limit of ${LIMIT}, answered from a recording ` +
      "within the process, each answer in a turn of its own; µs of CPU time a statement that a " +
      "fifth of the rounds stayed below.",
    head: ["", "", "µs", "above the bare array", "set up as"],
    rows: found.flatMap(([atOnce, cpu]) =>
      clients.map(({ key, label, note }) => [
        `${atOnce} at once`,
        label,
        terse(lowOf(cpu, key)),
        key === "bare" ? "" : above(cpu, key).toFixed(2),
        note,
      ])
    ),
    plots: [{
      kind: "bars",
      name: "javascript",
      title,
      unit: "µs",
      groups: found.map(([atOnce, cpu]) => ({
        label: `${atOnce} at once`,
        bars: clients.map(({ key, label }) => ({
          label,
          lengths: [lowOf(cpu, key)],
          isOurs: key === "sublet" || key === "units",
        })),
      })),
    }],
  };
}
