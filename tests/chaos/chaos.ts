/** One run of the bank through a storm of faults, from its opening to the audit of its books. */

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

/** The options of a run. */
export interface ChaosOptions {
  /** How long the storm lasts, in s. */
  readonly seconds: number;
  /** The seed of the faults and of the tellers. */
  readonly seed: number;
  /** The runtime of the bank. */
  readonly runtime: ProgramRuntime;
  /** The flavor of the server. */
  readonly flavor: Flavor;
}

/** The outcome of a run. */
export interface Outcome {
  /** The outcomes that the tellers got. */
  readonly report: BankReport;
  /** The result of the audit. */
  readonly findings: Findings;
  /** How many faults of each kind there were. */
  readonly faults: Readonly<Record<string, number>>;
  /** How many transfers never settled. */
  readonly stranded: number;
  /** How many connections only the server or only the pool had, plus those left after the drain. */
  readonly leaked: number;
  /** The server's process list if the pool and the server differed before the drain. */
  readonly connections: readonly object[];
  /** The time from the last fault to the next transfer, in ms; `Infinity` if there was none. */
  readonly recoveryMs: number;
  /** How long the pool took to end, in ms. */
  readonly drainMs: number;
}

/** The summary of a run as JSON. */
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

/** Options of a bank's server, with which commits survive a crash of the server process. */
export const serverOptions: readonly string[] = [
  "--innodb-flush-log-at-trx-commit=2",
  "--innodb-lock-wait-timeout=2",
];

/** The accounts of a bank. */
export const accounts: Accounts = { count: 40, balance: 500 };
/** The tellers of a bank, and its connection limit, which exceeds the limit of a full server. */
export const staff = { tellers: 24, connectionLimit: 12 } as const;

/** How long tellers may take to finish their transfers after the storm, in ms. */
const finishMsMax = 15_000;
/** How long an unused pool may take to end, in ms. */
const drainMsMax = 2_000;

/** Returns the faults of a storm, by group. */
export function faultsOf(flavor: Flavor, runtime: ProgramRuntime): readonly (readonly Fault[])[] {
  const ofServer = flavor === "mysql" ? [...serverFaults, ...mysqlFaults] : serverFaults;
  return [networkFaults, ofServer, clientFaults].map((faults) =>
    faults.filter(({ gaps }) => gaps?.[runtime] === undefined)
  );
}

/** Runs a bank through a storm, and returns the outcome. */
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

/** Returns how long it takes until the next transfer succeeds, in ms; `Infinity` if none does. */
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

/** Returns by how many connections the server and the pool differ, once the pool is idle. */
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

/** Returns how many connections a server has left after it had time to notice closed ones. */
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

/** Returns the summary of a run. */
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

/** Tells whether a run passed: nothing lost or left, and a transfer succeeded after the storm. */
export function isGood(outcome: Outcome): boolean {
  const { sumKept, lost, doubled, stranded, leaked } = summaryOf(outcome, 0);
  return sumKept && lost + doubled + stranded + leaked === 0 && outcome.recoveryMs < Infinity;
}

/** Returns why transfers failed, and what went wrong, as lines for people. */
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
