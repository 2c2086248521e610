/**
 * `npm run explore [-- --json] [--no-mutants]`: visits every state of every configuration and
 * tries every mutant, as many at a time as there are processors, and prints the results.
 */

import { Worker } from "node:worker_threads";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { configurations } from "./configurations.ts";
import type { Outcome } from "./explore.ts";
import { mutants } from "./mutants.ts";
import type { Fate } from "./mutate.ts";

/** The task of a worker, and its answer. */
export type Task = { kind: "explore" | "mutate"; index: number };
export type Answer = { outcome: Outcome } | { fate: Fate } | { error: string };

/** How long a mutant may take; a mutant that hangs counts as not killed. */
const TASK_MS_MAX = 120_000;

const { values: options } = parseArgs({
  options: { json: { type: "boolean" }, "no-mutants": { type: "boolean" } },
});
const print = options.json ? console.error : console.log;

const began = performance.now();
const sum = { states: 0, transitions: 0, violations: 0, depth: 0 };
let killed = 0;

const explorations = configurations.map((_, index): Task => ({ kind: "explore", index }));
const mutations = options["no-mutants"]
  ? []
  : mutants.map((_, index): Task => ({ kind: "mutate", index }));
const tasks = [...explorations, ...mutations];
await Promise.all(Array.from({ length: availableParallelism() }, () => work()));
report();

/** Takes one task after the other, and replaces its worker if that hangs. */
async function work(): Promise<void> {
  let worker = start();
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
    const answer = await ask(worker, task);
    if (answer === undefined) {
      await worker.terminate();
      worker = start();
    }
    note(task, answer);
  }
  await worker.terminate();
}

function start(): Worker {
  return new Worker(new URL("./explore_worker.ts", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 8_000 },
  });
}

function ask(worker: Worker, task: Task): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const ends = task.kind === "mutate" ? TASK_MS_MAX : 2 ** 31 - 1;
    const timer = setTimeout(() => resolve(undefined), ends);
    worker.once("error", reject);
    worker.once("message", (answer: Answer) => {
      clearTimeout(timer);
      worker.off("error", reject);
      resolve(answer);
    });
    worker.postMessage(task);
  });
}

function note(task: Task, answer: Answer | undefined): void {
  const seconds = `${((performance.now() - began) / 1000).toFixed(0)} s`.padStart(6);
  if (task.kind === "explore") {
    const { name } = configurations[task.index]!;
    if (answer === undefined || !("outcome" in answer)) {
      sum.violations++;
      print(`${seconds}  BROKEN   ${name}\n${JSON.stringify(answer).replaceAll("\\n", "\n")}`);
      return;
    }
    const { states, transitions, depth } = answer.outcome;
    sum.states += states;
    sum.transitions += transitions;
    sum.depth = Math.max(sum.depth, depth);
    print(
      `${seconds}  explored ${name}: ${states} states, ${transitions} transitions, depth ${depth}`,
    );
    return;
  }
  const { name } = mutants[task.index]!;
  const fate = answer === undefined
    ? { isKilled: false, story: `hangs for ${TASK_MS_MAX / 1000} s` }
    : "fate" in answer
    ? answer.fate
    : { isKilled: false, story: JSON.stringify(answer) };
  if (fate.isKilled) killed++;
  const why = fate.story.split("\n")[0];
  print(`${seconds}  ${fate.isKilled ? "killed  " : "SURVIVED"} ${name}: ${why}`);
}

function report(): void {
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const { states, transitions, violations, depth } = sum;
  const total = mutations.length;
  print(
    `${states} states, ${transitions} transitions, depth ${depth}, ${violations} violations; ` +
      `${killed} of ${total} mutants killed; ${seconds} s`,
  );
  if (options.json) {
    const figures = { states, transitions, violations, mutants: { total, killed }, seconds };
    console.log(JSON.stringify(figures));
  }
  process.exitCode = violations === 0 && killed === total ? 0 : 1;
}
