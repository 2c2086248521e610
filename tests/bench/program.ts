/** Runs the selected measurements one after another, in the measured runtime. */

import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { findRuntime } from "../../src/adapters/runtime.ts";
import { startServer } from "../support/server.ts";
import { CATALOG } from "./catalog.ts";
import type { Figures } from "./figures.ts";
import { pin } from "./cores.ts";
import { createItems } from "./items.ts";
import { judge, needsProfile } from "./judge.ts";
import type { BenchRuntime, Measurement, Section } from "./measurement.ts";
import { defaultFolder, writeReport } from "./writing/write.ts";
import { clientTime } from "./measurements/client_time.ts";
import { tableOf } from "./terminal.ts";

/** The packages whose versions the report states. */
const PEERS = ["mysql2", "mariadb", "tarn", "generic-pool", "lightning-pool", "serverless-mysql"];

const { values } = parseArgs({
  options: {
    runtime: { type: "string" },
    quick: { type: "boolean", default: false },
    only: { type: "string", default: CATALOG.map(({ name }) => name).join(",") },
    report: { type: "string", default: defaultFolder },
    json: { type: "boolean", default: false },
    cores: { type: "string", default: "" },
  },
});
const measurements = values.only.split(",").map((name): Measurement => {
  const found = CATALOG.find((each) => each.name === name);
  if (found !== undefined) return found;
  const known = CATALOG.map((each) => each.name).join(", ");
  throw new RangeError(`Cannot measure ${JSON.stringify(name)}: there are ${known}`);
});

await main();

async function main(): Promise<void> {
  const began = performance.now();
  const runtime = findRuntime() as BenchRuntime;
  await using server = await startServer();
  const [clientCore, serverCore] = values.cores.split(",").filter(Boolean).map(Number);
  await pin(server, serverCore);
  await createItems(server);
  const [row] = await server.query<{ version: string }>("SELECT VERSION() version");
  const setup = [
    ...describe(row!.version),
    serverCore === undefined
      ? "client and server share all cores"
      : `the client on core ${clientCore}, the server on core ${serverCore}`,
  ];
  for (const line of setup) say(line);
  const sections: Section[] = [];
  let figures: Figures = {};
  const bench = { runtime, isQuick: values.quick, server, serverCore };
  const take = async ({ measure }: Measurement): Promise<void> => {
    const finding = await measure(bench);
    figures = { ...figures, ...finding.figures };
    for (const section of finding.sections) tell(section);
    sections.push(...finding.sections);
  };
  for (const measurement of measurements) await take(measurement);
  if (needsProfile(figures, runtime)) await take(clientTime);
  const goals = judge(figures, runtime);
  if (goals.rows.length > 0) tell(goals);
  const path = writeReport(values.report, runtime, setup, [goals, ...sections]);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  say(`\nThe report is in ${path}; it took ${seconds} s`);
  if (values.json) say(JSON.stringify({ runtime: nameOfRuntime(), ...figures }));
}

/** Returns the runtime, the packages and the machine, as lines of the report. */
function describe(serverVersion: string): string[] {
  const [cpu] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return [
    `${nameOfRuntime()}; MySQL server ${serverVersion}`,
    PEERS.map((name) => `${name} ${versionOf(name)}`).join(", "),
    `${cpus().length} × ${cpu?.model.trim()}, ${gigabytes} GB, ${process.platform}; ` +
    `a load of ${loadavg()[0]!.toFixed(1)} before it began`,
  ];
}

function nameOfRuntime(): string {
  const { versions } = process;
  if (versions["bun"] !== undefined) return `Bun ${versions["bun"]}`;
  if (versions["deno"] !== undefined) return `Deno ${versions["deno"]}, V8 ${versions.v8}`;
  return `Node ${versions.node}, V8 ${versions.v8}`;
}

function versionOf(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  const { version }: { version: string } = JSON.parse(readFileSync(manifest, "utf8"));
  return version;
}

function tell({ title, prose, head, rows }: Section): void {
  say(`\n${title}\n${prose}`);
  for (const line of tableOf(head, rows)) say(line);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
