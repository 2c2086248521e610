/**
 * The benchmark: `npm run bench [-- --quick] [--only core,pool,select,fairness] [--json]`.
 *
 * Absolute times say something of this machine at this hour; ratios are of slices that were
 * measured in turns, and are what counts. With `--json` the last line is one JSON object.
 */

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { type CoreCycle, measureCoreCycle } from "./core_cycle.ts";
import { type Fairness, measureFairness } from "./fairness.ts";
import { measurePointSelect, type PointSelects } from "./point_select.ts";
import { measurePoolCycle, type PoolCycle } from "./pool_cycle.ts";
import { shown, type Spread, terse } from "./stats.ts";

const PARTS = ["core", "pool", "select", "fairness"] as const;
type Part = typeof PARTS[number];

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string", default: PARTS.join(",") },
  },
});
const wanted = values.only.split(",").map((name): Part => {
  const part = PARTS.find((one) => one === name);
  if (part === undefined) throw new Error(`Cannot measure ${name}: there are ${PARTS.join(", ")}`);
  return part;
});

await main();

async function main(): Promise<void> {
  const runtime = `node ${process.versions.node}, V8 ${process.versions.v8}`;
  say(`${runtime}, mysql2 ${versionOf("mysql2")}; ${cpus().length} × ${cpus()[0]?.model}`);
  const json: Record<string, unknown> = { runtime };
  if (wanted.includes("core")) {
    const found = await measureCoreCycle({ rounds: values.quick ? 5 : 25, sliceMs: 20 });
    Object.assign(json, tellCore(found));
  }
  if (wanted.includes("pool")) {
    const found = await measurePoolCycle({ rounds: values.quick ? 5 : 25, sliceMs: 50 });
    Object.assign(json, tellPool(found));
  }
  if (wanted.includes("select")) {
    const found = await measurePointSelect({ rounds: values.quick ? 4 : 16, sliceMs: 250 });
    Object.assign(json, tellSelect(found));
  }
  if (wanted.includes("fairness")) {
    Object.assign(json, tellFairness(measureFairness(values.quick ? 1000 : 5000)));
  }
  if (values.json) say(JSON.stringify(json));
}

function tellCore({ microseconds, growth }: CoreCycle): object {
  say("\nA lease in the pure core, two steps and their deadlines, in µs: median (quarters)");
  for (const [name, spread] of Object.entries(microseconds)) say(row(name, shown(spread)));
  say("\nHow many times as much it costs with");
  say(row("100,000 waiting as with 10", shown(growth.waiters)));
  say(row("10,000 connections as with 10", shown(growth.connections)));
  say(row("10,000 targets as with 1", shown(growth.targets)));
  return { coreCycleUs: medians(microseconds), growth: medians(growth) };
}

function tellPool({ one, thousand }: PoolCycle): object {
  say("\nA lease of the whole pool over sessions that do nothing, limit 10, in µs");
  say(row("one at a time", shown(one)));
  say(row("1,000 at once", shown(thousand)));
  return { cycleUs: brief(one), cycle1000Us: brief(thousand) };
}

function tellSelect({ server, found }: PointSelects): object {
  say(`\nA prepared select by key on ${server}, limit 10: this pool's rate over mysql2/promise's`);
  for (const { atOnce, ratio, sublet, mysql2 } of found) {
    const costs = `${terse(sublet.median)} and ${terse(mysql2.median)} µs`;
    say(row(`${atOnce} at once`, `${shown(ratio)}; ${costs} a statement`));
  }
  return {
    pointSelect: Object.fromEntries(found.map(({ atOnce, ratio }) => [atOnce, brief(ratio)])),
  };
}

function tellFairness(found: readonly Fairness[]): object {
  say("\nBetween targets: 100 clients on 10 connections, 2 ms a statement, 1 ms a change of");
  say("target, 1 and 5 ms to close and open; first come, first served at no cost waits 18 ms");
  say(columns(["targets", "load", "address", "tenure", "swaps", "wait", "×", "lost", "even"]));
  for (const one of found) {
    say(columns([
      `${one.targets}`,
      one.isSkewed ? "10:1" : "equal",
      one.isKin ? "same" : "other",
      one.tenureMs === null ? "no end" : `${one.tenureMs} ms`,
      one.swapsPerGrant.toFixed(3),
      `${one.waitMsMax.toFixed(0)} ms`,
      one.waitRatio.toFixed(1),
      `${(one.lost * 100).toFixed(1)} %`,
      one.evenness.toFixed(2),
    ]));
  }
  return { fairness: found };
}

function medians(spreads: Readonly<Record<string, Spread>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(spreads).map(([name, spread]) => [name, brief(spread)]),
  );
}

function brief({ median }: Spread): number {
  return Number(terse(median));
}

function row(name: string, figures: string): string {
  return `  ${name.padEnd(32)}${figures}`;
}

function columns(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(9)).join("");
}

function versionOf(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  const { version }: { version: string } = JSON.parse(readFileSync(manifest, "utf8"));
  return version;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
