/** The errors of users while a server is killed under load, and comes back. */

import { setTimeout as sleep } from "node:timers/promises";
import { createPool } from "../../../mod.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/wait.ts";
import { pin } from "../cores.ts";
import type { Recovery } from "../figures.ts";
import { createItems, ROWS } from "../items.ts";
import type { Bench, Finding, Measurement, Section } from "../measurement.ts";
import type { Client, ClientSetting, MakeClient } from "../peers/client.ts";
import { closeAll, makersOf } from "../peers/clients.ts";
import { pointSelect, rowsOfPair } from "../peers/statements.ts";
import { brief } from "../stats.ts";

/** Measures errors, and the time to the first success. */
export const recovery: Measurement = { name: "recovery", measure };

const LIMIT = 10;
/** The interval of a client's units of work. */
const PERIOD_MS = 10;
const DOWN_MS = 2000;
/** How long clients run before the server is killed, and after it is back. */
const CALM_MS = 1500;
const RETRIES = 10;

async function measure({ runtime, serverCore }: Bench): Promise<Finding> {
  await using server = await startServer();
  await pin(server, serverCore);
  await createItems(server);
  const setting = { uri: server.url(), limit: LIMIT };
  const makers: MakeClient[] = [...makersOf(runtime), patient];
  const users = makers.map((make) => new Users(make(setting)));
  for (const each of users) each.begin();
  await sleep(CALM_MS);
  await server.kill();
  await sleep(DOWN_MS);
  await server.restart();
  await pin(server, serverCore);
  const backAt = performance.now();
  await until(
    () => users.every(({ lastDoneAt }) => lastDoneAt >= backAt + CALM_MS),
    "everybody is served again",
    { timeoutMs: 30_000 },
  );
  for (const each of users) each.end();
  const found = users.map((each): [Client, Recovery] => [each.client, each.found(backAt)]);
  await closeAll(users.map(({ client }) => client));
  return {
    sections: [tell(found)],
    figures: { recovery: Object.fromEntries(found.map(([{ key }, one]) => [key, one])) },
  };
}

/** Returns this pool with repeatable units of work, as a client. */
function patient({ uri, limit }: ClientSetting): Client {
  const pool = createPool({ uri, connectionLimit: limit, shared: false });
  const repeated = <T>(fn: () => Promise<T>): Promise<T> => pool.unit(fn, { retries: RETRIES });
  return {
    key: "subletRetries",
    label: "Sublet, retries",
    note: `db.unit, retries: ${RETRIES}`,
    select: (id) => repeated(() => pool.execute(pointSelect, [id])),
    rowsOf: rowsOfPair,
    nap: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => pool.drain(),
  };
}

/** The users of one client; each runs a unit of work. */
class Users {
  readonly client: Client;
  /** When the last unit succeeded. */
  lastDoneAt = -Infinity;
  readonly #doneAt: number[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #asked = 0;
  #errors = 0;

  constructor(client: Client) {
    this.client = client;
  }

  begin(): void {
    const began = performance.now();
    this.#timer = setInterval(() => {
      // After a late timer, the missed units run at once.
      while (performance.now() >= began + this.#asked * PERIOD_MS) this.#ask();
    }, PERIOD_MS);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  found(backAt: number): Recovery {
    const first = this.#doneAt.find((at) => at >= backAt)!;
    return { errors: this.#errors, ms: brief(first - backAt) };
  }

  #ask(): void {
    this.client.select(1 + this.#asked++ * 31 % ROWS).then(
      () => this.#doneAt.push(this.lastDoneAt = performance.now()),
      () => this.#errors++,
    );
  }
}

function tell(found: readonly (readonly [Client, Recovery])[]): Section {
  const title = "A server that is killed and comes back";
  return {
    title,
    prose:
      `${1000 / PERIOD_MS} units of work a second through each client, all at the same time; ` +
      `the server is killed, and started again after ${
        DOWN_MS / 1000
      } s. First success: how long ` +
      "after the server answers again.",
    head: ["", "errors", "first success, ms", "set up as"],
    rows: found.map(([{ label, note }, { errors, ms }]) => [label, `${errors}`, `${ms}`, note]),
    plots: [{
      kind: "bars",
      name: "recovery",
      title: "Errors that users saw while the server was gone",
      unit: "errors",
      groups: [{
        label: "units of work that failed",
        bars: found.map(([{ key, label }, { errors }]) => ({
          label,
          lengths: [errors],
          isOurs: key.startsWith("sublet"),
        })),
      }],
    }],
  };
}
