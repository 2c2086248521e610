/**
 * HikariCP's test of a spike: fifty requests at once on a pool with five connections and a limit of
 * fifty, where a connect takes long and a statement does not.
 *
 * HikariCP opens one more connection for the waiters, and serves all of them with the five that
 * exist while it opens. So its rule gives the result of a pool with a limit of five.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { startProxy } from "../../support/proxy.ts";
import type { Server } from "../../support/server.ts";
import { until } from "../../support/wait.ts";
import type { Bench, Finding, Measurement, Section } from "../measurement.ts";
import type { Client, MakeClient } from "../peers/client.ts";
import { makersOf, subletClient } from "../peers/clients.ts";
import { brief, shown, spreadOf } from "../stats.ts";

/** Measures how many connections a pool has after a spike, and how long the spike lasts. */
export const spike: Measurement = { name: "spike", measure };

const REQUESTS = 50;
const THERE = 5;
const CONNECT_MS = 150;

/** The results of one client, round by round. */
interface Spikes {
  readonly client: Pick<Client, "key" | "label">;
  readonly opened: number[];
  readonly lastMs: number[];
}

async function measure({ runtime, isQuick, server }: Bench): Promise<Finding> {
  const [ours, ...peers] = makersOf(runtime);
  const found = new Map<string, Spikes>();
  for (let round = 0; round < (isQuick ? 3 : 9); round++) {
    const others = isQuick && round > 0 ? [] : peers;
    for (const make of [ours!, rule, ...others]) await runOne(server, make, found);
  }
  const all = [...found.values()];
  const rounds = found.get("rule")!.lastMs;
  const against = found.get("sublet")!.lastMs.map((ms, round) => ms / rounds[round]!);
  return {
    sections: [tell(all)],
    figures: {
      spikeOpened: Object.fromEntries(
        all.filter(({ client }) => client.key !== "rule")
          .map(({ client, opened }) => [client.key, spreadOf(opened).median]),
      ),
      spikeLast: brief(spreadOf(against).median),
    },
  };
}

/** Returns a pool that behaves by HikariCP's rule, as a client. */
function rule({ uri, minimum = 0 }: Parameters<MakeClient>[0]): Client {
  const client = subletClient({ uri, limit: minimum, minimum });
  return { ...client, key: "rule", label: "HikariCP's rule" };
}

/** Runs a spike on one client, behind a proxy that delays each connect. */
async function runOne(server: Server, make: MakeClient, found: Map<string, Spikes>): Promise<void> {
  await using proxy = await startProxy(server, { admits: () => sleep(CONNECT_MS) });
  await using client = make({ uri: proxy.uri, limit: REQUESTS, minimum: THERE });
  await Promise.all(Array.from({ length: THERE }, () => client.nap()));
  await until(() => proxy.opened >= THERE, "the connections are there that are to be");
  // Waits until the last connections have logged in.
  await sleep(CONNECT_MS + 50);
  const began = performance.now();
  await Promise.all(Array.from({ length: REQUESTS }, () => client.nap()));
  const lastMs = performance.now() - began;
  const { key, label } = client;
  const spikes = found.get(key) ?? { client: { key, label }, opened: [], lastMs: [] };
  spikes.opened.push(proxy.opened);
  spikes.lastMs.push(lastMs);
  found.set(key, spikes);
  await sleep(CONNECT_MS);
}

function tell(found: readonly Spikes[]): Section {
  const title = "A spike";
  return {
    title,
    prose: `${REQUESTS} requests of 2 ms at once on ${THERE} connections that are there, with a ` +
      `limit of ${REQUESTS}; a connect takes ${CONNECT_MS} ms. HikariCP's rule is a pool with a ` +
      `limit of ${THERE}, as a sixth would come too late.`,
    head: ["", "connections", "last answer, ms"],
    rows: found.map(({ client, opened, lastMs }) => [
      client.label,
      shown(spreadOf(opened)),
      shown(spreadOf(lastMs)),
    ]),
    plots: [{
      kind: "bars",
      name: "spike",
      title: "Connections after a spike",
      unit: "connections",
      groups: [{
        label: `${REQUESTS} requests at once`,
        bars: found.map(({ client, opened }) => ({
          label: client.label,
          lengths: [spreadOf(opened).median],
          isOurs: client.key === "sublet",
        })),
      }],
    }],
  };
}
