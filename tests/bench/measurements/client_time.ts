/** Where the time goes that a client spends on a statement: whose code it is, and which. */

import { createPool } from "../../../mod.ts";
import mysql from "mysql2/promise";
import { ROWS } from "../items.ts";
import type { Bar, Bench, Finding, Measurement, Section } from "../measurement.ts";
import { pointSelect } from "../peers/clients.ts";
import { profiled, type Work } from "../profiler.ts";
import { brief, terse } from "../stats.ts";

/** Measures by samples what works while statements run. */
export const clientTime: Measurement = { name: "client", measure };

const LIMIT = 10;
const AT_ONCE = 16;
const ROUNDS = 2;
const FUNCTIONS = 15;

/** Whose code it can be, and how that is known: by its place, or by the name of what it does. */
const OWNERS: readonly (readonly [owner: string, matches: RegExp])[] = [
  ["collection of garbage", /^\(garbage collector\)/],
  ["Sublet's core", /\/src\/core\//],
  ["its shell", /\/src\/shell\//],
  ["its part for MySQL", /\/src\/mysql\//],
  ["its adapters", /\/src\/adapters\//],
  ["mysql2", /\/node_modules\//],
  ["this benchmark", /\/tests\/bench\//],
];
const RUNTIME = "runtime";
const NAMES = [...OWNERS.map(([owner]) => owner), RUNTIME];

/** What one client spent. */
interface Spent {
  readonly key: string;
  readonly label: string;
  readonly byOwner: Readonly<Record<string, number>>;
  /** The functions that worked longest, µs a statement each. */
  readonly functions: readonly Work[];
}

async function measure({ isQuick, server }: Bench): Promise<Finding> {
  const uri = server.url();
  await using ours = createPool({ uri, connectionLimit: LIMIT, shared: false });
  const theirs = mysql.createPool({ uri, connectionLimit: LIMIT });
  const clients = [
    new Watched("sublet", "Sublet", (id) => ours.execute(pointSelect, [id])),
    new Watched("mysql2Promise", "mysql2/promise", (id) => theirs.execute(pointSelect, [id])),
  ];
  const ms = isQuick ? 350 : 1500;
  for (const client of clients) await client.run(ms);
  // The first profile costs more than others.
  await profiled(() => Promise.resolve());
  for (let round = 0; round < ROUNDS; round++) {
    for (const client of clients) await client.watch(ms);
  }
  await theirs.end();
  const spent = clients.map((client) => client.spent);
  return {
    sections: [tellOwners(spent), tellFunctions(spent[0]!)],
    figures: { clientUs: Object.fromEntries(spent.map(({ key, byOwner }) => [key, byOwner])) },
  };
}

/** A client whose work is watched. */
class Watched {
  readonly #key: string;
  readonly #label: string;
  readonly #select: (id: number) => Promise<unknown>;
  readonly #work: Work[] = [];
  #count = 0;

  constructor(key: string, label: string, select: (id: number) => Promise<unknown>) {
    this.#key = key;
    this.#label = label;
    this.#select = select;
  }

  /** Lets statements run for a while; returns how many did. */
  async run(ms: number): Promise<number> {
    const end = performance.now() + ms;
    let count = 0;
    const user = async (): Promise<void> => {
      for (; performance.now() < end; count++) await this.#select(1 + count * 31 % ROWS);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, user));
    return count;
  }

  /** The same, watched. */
  async watch(ms: number): Promise<void> {
    const work = await profiled(async () => {
      this.#count += await this.run(ms);
    });
    this.#work.push(...work);
  }

  /** What it has spent on each statement. */
  get spent(): Spent {
    const each = merged(this.#work, this.#count);
    const byOwner = NAMES.map((owner) => {
      const of = each.filter((one) => ownerOf(one) === owner);
      return [owner, brief(of.reduce((whole, { us }) => whole + us, 0))];
    });
    return {
      key: this.#key,
      label: this.#label,
      byOwner: Object.fromEntries(byOwner),
      functions: each.slice(0, FUNCTIONS),
    };
  }
}

/** Returns each function once, the longest at work first, with what it spent on a statement. */
function merged(work: readonly Work[], count: number): Work[] {
  const all = new Map<string, Work>();
  for (const { name, url, us } of work) {
    const key = `${name} ${url}`;
    all.set(key, { name, url, us: (all.get(key)?.us ?? 0) + us / count });
  }
  return [...all.values()].sort((a, b) => b.us - a.us);
}

function ownerOf({ name, url }: Work): string {
  return OWNERS.find(([, matches]) => matches.test(url) || matches.test(name))?.[0] ?? RUNTIME;
}

function tellOwners(spent: readonly Spent[]): Section {
  const title = "Where the client's time goes";
  return {
    title,
    prose: `A select by key, ${AT_ONCE} at once on ${LIMIT}, by a sampling profiler: µs of the ` +
      "client's CPU for each statement. The runtime's part is its streams and sockets, calls to " +
      "the system among them.",
    head: ["", ...spent.map(({ label }) => label)],
    rows: [
      ...NAMES.map((owner) => [owner, ...spent.map(({ byOwner }) => terse(byOwner[owner]!))]),
      ["all", ...spent.map(({ byOwner }) => terse(sum(Object.values(byOwner))))],
    ],
    plots: [{
      kind: "bars",
      name: "client",
      title,
      unit: "µs",
      parts: NAMES,
      groups: [{
        label: "µs a statement",
        bars: spent.map(({ key, label, byOwner }): Bar => ({
          label,
          lengths: NAMES.map((owner) => byOwner[owner]!),
          isOurs: key === "sublet",
        })),
      }],
    }],
  };
}

function tellFunctions({ label, functions }: Spent): Section {
  return {
    title: `The functions that work longest, with ${label}`,
    prose: "µs a statement in the function itself.",
    head: ["", "whose", "µs"],
    rows: functions.map((work) => [work.name, ownerOf(work), terse(work.us)]),
    plots: [],
  };
}

function sum(figures: readonly number[]): number {
  return figures.reduce((whole, figure) => whole + figure, 0);
}
