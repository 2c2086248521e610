/** One run of the bank through a storm, from its opening to the closing of its books. */

import { setTimeout as sleep } from "node:timers/promises";
import { Chance } from "../../examples/demo/chance.ts";
import type { ProgramRuntime } from "../conformance/command.ts";
import { startProxy } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import type { Flavor } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import type { BankReport } from "./bank/bank.ts";
import { BankProcess } from "./bank_process.ts";
import { type Accounts, closeBooks, type Findings, openBooks } from "./books.ts";
import { clientFaults } from "./client_faults.ts";
import type { Fault } from "./faults.ts";
import { networkFaults } from "./network_faults.ts";
import { mysqlFaults, serverFaults, setTimeouts } from "./server_faults.ts";
import { storm } from "./storm.ts";

/** How the bank is run. */
export interface ChaosOptions {
  /** How long it storms, in s. */
  readonly seconds: number;
  /** What happens follows from it. */
  readonly seed: number;
  /** What the bank runs in. */
  readonly runtime: ProgramRuntime;
  /** Whose server it is. */
  readonly flavor: Flavor;
}

/** What became of it. */
export interface Outcome {
  /** What the tellers were told. */
  readonly report: BankReport;
  /** What is wrong with the books. */
  readonly findings: Findings;
  /** How many faults of each kind there were. */
  readonly faults: Readonly<Record<string, number>>;
  /** How many transfers were never answered. */
  readonly stranded: number;
  /** How many connections the server had that the pool did not, or the other way round. */
  readonly leaked: number;
  /** What the server said of all its connections when that was so. */
  readonly connections: readonly object[];
  /** How long it took after the last fault until a transfer was carried out, in ms, if one was. */
  readonly recoveryMs: number;
  /** How long the pool took to end, in ms. */
  readonly drainMs: number;
}

/** What a run says of itself in JSON. */
export interface Summary {
  readonly transfers: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly sumKept: boolean;
  readonly lost: number;
  readonly doubled: number;
  readonly stranded: number;
  readonly leaked: number;
  readonly seed: number;
}

/** What the server of a bank is told, so that what it has committed outlives its process. */
export const serverOptions: readonly string[] = [
  "--innodb-flush-log-at-trx-commit=2",
  "--innodb-lock-wait-timeout=2",
];

/** The accounts of a bank. */
export const accounts: Accounts = { count: 40, balance: 500 };
/** What else there is in a bank: more connections than a full server has room for. */
export const staff = { tellers: 24, connectionLimit: 12 } as const;

/** How long tellers may take to finish what they do when all is well again, in ms. */
const finishMsMax = 15_000;
/** How long a pool may take to end when nobody needs it, in ms. */
const drainMsMax = 2_000;

/** Returns the faults that may befall a bank, by groups. */
export function faultsOf(flavor: Flavor, runtime: ProgramRuntime): readonly (readonly Fault[])[] {
  const ofServer = flavor === "mysql" ? [...serverFaults, ...mysqlFaults] : serverFaults;
  return [networkFaults, ofServer, clientFaults].map((faults) =>
    faults.filter(({ gaps }) => gaps?.[runtime] === undefined)
  );
}

/** Runs a bank. */
export async function runChaos({ seconds, seed, runtime, flavor }: ChaosOptions): Promise<Outcome> {
  const chance = new Chance(seed);
  await using server = await startServer({ flavor, options: serverOptions });
  await setTimeouts(server);
  await openBooks(server, accounts);
  await using proxy = await startProxy(server);
  await using bank = await BankProcess.start(runtime);
  await bank.ask("open", {
    uri: proxy.uri,
    seed: chance.between(0, 2 ** 32 - 1),
    accounts: accounts.count,
    total: accounts.count * accounts.balance,
    firstNumber: 1,
    ...staff,
  });
  const groups = faultsOf(flavor, runtime);
  const faults = await storm({ server, proxy, bank }, groups, chance, seconds * 1_000);
  const recoveryMs = await recoveryOf(bank);
  await bank.ask("close", finishMsMax);
  const { underWayCount: stranded } = await bank.ask("look", undefined);
  const leaked = await leakedIn(server, bank);
  const connections = leaked > 0 ? await server.query("SHOW FULL PROCESSLIST") : [];
  const drainMs = await bank.ask("drain", drainMsMax);
  const left = await leftAt(server);
  const report = await bank.ask("report", undefined);
  const findings = await closeBooks(server, accounts, report);
  return {
    report,
    findings,
    faults,
    stranded,
    leaked: leaked + left,
    connections,
    recoveryMs,
    drainMs,
  };
}

/** Returns how long it takes until a transfer is carried out, in ms; `Infinity` if none is. */
async function recoveryOf(bank: BankProcess): Promise<number> {
  const endedAt = performance.now();
  const count = async (): Promise<number> => (await bank.ask("look", undefined)).acknowledgedCount;
  const before = await count();
  while (await count() === before) {
    if (performance.now() - endedAt > finishMsMax) return Infinity;
    await sleep(5);
  }
  return performance.now() - endedAt;
}

/** Returns by how many the connections of the server and of the pool differ, when all is calm. */
async function leakedIn(server: Server, bank: BankProcess): Promise<number> {
  const compare = async (): Promise<number> => {
    const { stats } = await bank.ask("look", undefined);
    const isAtRest = stats.size === stats.idle && stats.waiting === 0;
    const difference = Math.abs(await server.connectionCount() - stats.size);
    return isAtRest ? difference : Math.max(1, difference);
  };
  try {
    await until(async () => await compare() === 0, "the server has what the pool has");
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return await compare();
  }
}

/** Returns how many connections a server has left, once it has had time to see what is closed. */
async function leftAt(server: Server): Promise<number> {
  const isEmpty = async (): Promise<boolean> => await server.connectionCount() === 0;
  try {
    await until(isEmpty, "the server has noticed that all is closed", { timeoutMs: 1_000 });
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return await server.connectionCount();
  }
}

/** Returns what a run says of itself. */
export function summaryOf({ report, findings, ...outcome }: Outcome, seed: number): Summary {
  const { acknowledged, unknown, refused } = report;
  return {
    transfers: acknowledged.length + unknown.length + refused.length + outcome.stranded,
    acknowledged: acknowledged.length,
    unknown: unknown.length,
    refused: refused.length,
    faults: outcome.faults,
    sumKept: findings.isSumKept && report.complaints.length === 0,
    lost: findings.lost.length,
    doubled: findings.doubled.length,
    stranded: outcome.stranded,
    leaked: outcome.leaked,
    seed,
  };
}

/** Tells whether a run went as it has to; one in which nobody was served shows nothing. */
export function isGood(outcome: Outcome): boolean {
  const { sumKept, lost, doubled, stranded, leaked } = summaryOf(outcome, 0);
  return sumKept && lost + doubled + stranded + leaked === 0 && outcome.recoveryMs < Infinity;
}

/** Says why transfers failed, and what went wrong, in lines for people. */
export function explain(outcome: Outcome): string {
  const { report, findings, recoveryMs, drainMs, connections } = outcome;
  const { lost, doubled, unknownThere } = findings;
  const reasons = Object.entries(report.reasons).sort(([, a], [, b]) => b - a);
  return [
    `Reasons: ${reasons.map(([code, times]) => `${code} ${times}`).join(", ")}`,
    `Of ${report.unknown.length} unknown, ${unknownThere} were carried out`,
    `The bank went on ${recoveryMs.toFixed(0)} ms after the storm`,
    `The pool was drained in ${drainMs.toFixed(0)} ms`,
    ...report.complaints.map((complaint) => `NEVER: ${complaint}`),
    ...connections.map((connection) => `LEFT: ${JSON.stringify(connection)}`),
    ...(lost.length > 0 ? [`LOST: ${lost.slice(0, 20)}`] : []),
    ...(doubled.length > 0 ? [`DOUBLED: ${doubled.slice(0, 20)}`] : []),
  ].join("\n");
}
