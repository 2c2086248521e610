/** Where a client's CPU time per statement goes: by owner of the code, and by function. */

import type { Bar, Bench, Finding, Measurement, Section } from "../measurement.ts";
import { ownerOf, OWNERS } from "../owners.ts";
import { bareClient } from "../peers/bare.ts";
import { closeAll, mysql2Client, subletClient } from "../peers/clients.ts";
import { terse } from "../stats.ts";
import { type Spent, watch } from "../watched.ts";

/** Measures by sampling which code works while statements run. */
export const clientTime: Measurement = { name: "client", measure };

const LIMIT = 10;
const AT_ONCE = 16;
const FUNCTIONS = 15;

async function measure({ isQuick, server }: Bench): Promise<Finding> {
  const setting = { uri: server.url(), limit: LIMIT };
  const clients = [subletClient, mysql2Client, bareClient].map((make) => make(setting));
  const spent = await watch(clients, AT_ONCE, isQuick ? 6000 : 40_000);
  await closeAll(clients);
  return {
    sections: [tellOwners(spent), tellFunctions(spent[0]!)],
    figures: { clientUs: Object.fromEntries(spent.map(({ key, byOwner }) => [key, byOwner])) },
  };
}

function tellOwners(spent: readonly Spent[]): Section {
  const title = "Where the client's time goes";
  const owners = OWNERS.filter((owner) => spent.some(({ byOwner }) => byOwner[owner]! > 0));
  const all = ({ byOwner }: Spent): number => {
    return Object.values(byOwner).reduce((whole, us) => whole + us, 0);
  };
  return {
    title,
    prose: `A select by key, ${AT_ONCE} at once on ${LIMIT}, µs of the client's CPU for each ` +
      "statement, shared out as a sampling profiler saw it. The runtime's part is its streams " +
      "and sockets, without the calls that hand bytes to the kernel.",
    head: ["", ...spent.map(({ label }) => label)],
    rows: [
      ...owners.map((owner) => [owner, ...spent.map(({ byOwner }) => terse(byOwner[owner]!))]),
      ["all", ...spent.map((each) => terse(all(each)))],
    ],
    plots: [{
      kind: "bars",
      name: "client",
      title,
      unit: "µs",
      parts: owners,
      groups: [{
        label: "µs a statement",
        bars: spent.map(({ key, label, byOwner }): Bar => ({
          label,
          lengths: owners.map((owner) => byOwner[owner]!),
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
    rows: functions.slice(0, FUNCTIONS).map((work) => [work.name, ownerOf(work), terse(work.us)]),
    plots: [],
  };
}
