/**
 * The demo: `npm run demo`. A shop opens on a throwaway server, many customers come, the demo
 * watches the pool from both sides, and then checks the books.
 *
 * `--json` prints the summary as one line of JSON; `--keep` leaves the shop open for a visit;
 * `--seed N` makes another shop. The exit status is 0 if every check passes.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { createConnection } from "mysql2/promise";
import { type Server, startServer } from "../../tests/support/server.ts";
import { closeBooks } from "./books.ts";
import { Chance } from "./chance.ts";
import { Chart } from "./chart.ts";
import { Clients } from "./clients.ts";
import { passDay } from "./day.ts";
import { Ledger } from "./ledger.ts";
import { findingsOf, type Outcome, report, summary, tell } from "./report.ts";
import { connectionLimit, Shop } from "./shop.ts";
import { type Databases, dropShop, loadShop } from "./shop_data.ts";
import { Watch } from "./watch.ts";
import { Web } from "./web.ts";

/** How long the pool may drain, in ms; after that it ends by force. */
const drainMsMax = 5_000;

const beganAt = performance.now();
const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
  },
});
const seed = Number(options.seed);
if (!Number.isSafeInteger(seed)) throw new RangeError(`--seed takes a number: ${options.seed}`);

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => interrupt.abort(new Error(`Interrupted by ${signal}`)));
}
try {
  const outcome = await demonstrate(new Chance(seed), interrupt.signal);
  process.exitCode = findingsOf(outcome).every(({ isSo }) => isSo) ? 0 : 1;
  if (options.json) tell(summary(outcome, (performance.now() - beganAt) / 1000));
} catch (error) {
  if (error !== interrupt.signal.reason) throw error;
  process.stderr.write(`\n${interrupt.signal.reason.message}; everything is cleaned up\n`);
  process.exitCode = 130;
}

/** Runs the demo, from the start of the server to its end. */
async function demonstrate(chance: Chance, signal: AbortSignal): Promise<Outcome> {
  await using server = await startServer();
  const [row] = await server.query<{ version: string }>("SELECT VERSION() AS version");
  tell(`A throwaway server: ${row?.version} at ${server.host}:${server.port}`);
  const databases = { shop: `shop_${process.pid}`, sessions: `shop_${process.pid}_sessions` };
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => changeAsRoot(server, (connection) => dropShop(connection, databases)));
  await load(server, databases, chance);
  signal.throwIfAborted();

  const shop = new Shop(server.url(), databases);
  cleanup.defer(() => shop.db.drain({ timeout: drainMsMax }));
  await using watch = await Watch.start(shop.db, server);
  tell(`A pool of at most ${connectionLimit}; opened so far: ${await watch.openedCount()}`);
  await using web = new Web(shop);
  const url = await web.listen();
  tell(`The shop is open at ${url}\n`);

  const ledger = new Ledger();
  const clients = new Clients(url, chance, ledger);
  {
    using chart = new Chart(watch, ledger);
    await passDay(clients, web, watch, chart, signal);
  }
  const outcome: Outcome = {
    books: await closeBooks(server, databases, ledger),
    ledger,
    watch,
    openedCount: await watch.openedCount(),
    idleAtEnd: watch.latest.stats.size,
  };
  report(outcome);
  if (options.keep) await stayOpen(url, signal);
  return outcome;
}

/** Keeps the shop open until the signal aborts. */
async function stayOpen(url: string, signal: AbortSignal): Promise<void> {
  tell(`\nThe shop stays open at ${url}/ (its pool: ${url}/stats); Ctrl-C closes it`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });
  tell("\nThe shop is closed");
}

async function load(server: Server, databases: Databases, chance: Chance): Promise<void> {
  const loadBeganAt = performance.now();
  await changeAsRoot(server, (connection) =>
    loadShop(connection, databases, chance, (rowCount) => {
      if (rowCount % 20_000 === 0) tell(`  ${rowCount.toLocaleString("en")} rows loaded`);
    }));
  tell(`Loaded in ${((performance.now() - loadBeganAt) / 1000).toFixed(1)} s`);
}

async function changeAsRoot(
  server: Server,
  change: (connection: Awaited<ReturnType<typeof createConnection>>) => Promise<void>,
): Promise<void> {
  const connection = await createConnection(server.rootUrl);
  await change(connection);
  await connection.end();
}
