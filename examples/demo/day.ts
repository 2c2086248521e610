/** The shop's day: few customers, then many, then all at once, then none. */

import { until } from "../../tests/support/wait.ts";
import type { Chart } from "./chart.ts";
import type { Clients } from "./clients.ts";
import { idleTimeout } from "./shop.ts";
import type { Watch } from "./watch.ts";
import type { Web } from "./web.ts";

/** How long open requests may take to end, and idle connections to be retired, in ms. */
const endMsMax = 10_000;

/** Runs the day; fulfilled when no actual connection is left. */
export async function passDay(
  clients: Clients,
  web: Web,
  watch: Watch,
  chart: Chart,
  signal: AbortSignal,
): Promise<void> {
  chart.title = "morning: 4 customers";
  await clients.visit(4, 4_000, signal);
  chart.title = "noon: 16 customers";
  await clients.visit(16, 5_000, signal);
  chart.title = "sale: 80 customers";
  await clients.visit(80, 6_000, signal);
  chart.title = "burst: 600 customers at once";
  await clients.burst(600);
  signal.throwIfAborted();
  chart.title = "afternoon: 8 customers";
  await clients.visit(8, 3_000, signal);

  chart.title = "evening: what was left ends";
  await until(() => web.openCount === 0, "all units of work have ended", {
    timeoutMs: endMsMax,
    signal,
  });
  chart.title = `night: idle for ${idleTimeout} ms`;
  await until(() => watch.isQuiet, "all idle connections have been retired", {
    timeoutMs: endMsMax,
    signal,
  });
}
