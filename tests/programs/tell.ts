/** Describes failed programs for people. */

import type { ProgramRuntime } from "../conformance/command.ts";
import type { Flavor } from "../support/server_binary.ts";
import { bodiesOf, nameOf, type Program, type ProgramStep } from "./program.ts";
import type { Failure } from "./worker.ts";

/** The options of a run. */
interface Setting {
  readonly seed: number;
  readonly runtime: ProgramRuntime;
  readonly flavor: Flavor;
}

/** How many broken rules to print for one program. */
const breachesMax = 5;

/** Returns which rules a program broke, and how to run it again. */
export function describeFailure(failure: Failure, { seed, runtime, flavor }: Setting): string {
  const { number, program, breaches, isShrunk } = failure;
  const on = `${flavor === "mariadb" ? "" : " --server mysql"}${
    runtime === "node" ? "" : ` --runtime ${runtime}`
  }`;
  const stories = breaches.slice(0, breachesMax).map(({ rule, story }) => `  ${rule}: ${story}`);
  const title = `program ${number} of seed ${seed}`;
  if (!isShrunk) return [`FAILED ${title} (--only ${number})`, ...stories].join("\n");
  return [
    `SMALLEST of ${title}`,
    ...stories,
    ...linesOf(program),
    "It fails again with:",
    `  npm run programs -- --seed ${seed}${on} --only ${number}`,
    "and as it is here with:",
    `  npm run programs --${on} --replay '${JSON.stringify(program)}'`,
  ].join("\n");
}

/** Returns a program as lines for people. */
export function linesOf({ body, virtuals, ...pool }: Program): string[] {
  const connections = virtuals.map((virtual, on) => `${nameOf(on)} ${said(virtual)}`);
  return [`pool ${said(pool)}`, ...connections, ...body.flatMap(linesOfStep)].map((line) =>
    `  ${line}`
  );
}

function linesOfStep(step: ProgramStep): string[] {
  const { kind, ...rest } = step;
  const { body: _body, branches: _branches, ...options } = {
    body: undefined,
    branches: undefined,
    ...rest,
  };
  const parts = bodiesOf(step).map((part) => part.flatMap(linesOfStep).map((line) => `  ${line}`));
  const [first, ...others] = parts;
  const lines = [...first ?? [], ...others.flatMap((part) => ["beside", ...part])];
  return [`${kind} ${said(options)}`.trim(), ...lines];
}

function said(options: object): string {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return entries.map(([name, value]) =>
    name === "on" && typeof value === "number" ? nameOf(value) : `${name} ${JSON.stringify(value)}`
  ).join(", ");
}
