/** Shrinks a failing program as long as it fails by the same rule. */

import { bodiesOf, type Program, type ProgramStep } from "./program.ts";

/** Tells whether a program fails as the original did. */
export type Fails = (program: Program) => Promise<boolean>;

/** Returns the smallest failing program found before the time is up. */
export async function shrink(program: Program, fails: Fails, msMax: number): Promise<Program> {
  const endsAt = performance.now() + msMax;
  let smallest = program;
  search: for (;;) {
    for (const smaller of smallerOnes(smallest)) {
      if (performance.now() > endsAt) return smallest;
      if (!await fails(smaller)) continue;
      smallest = smaller;
      continue search;
    }
    return smallest;
  }
}

/** Yields the programs that are one change smaller; larger removals come first. */
export function* smallerOnes(program: Program): Iterable<Program> {
  for (const body of smallerBodies(program.body)) yield { ...program, body };
  if (program.lifespan !== undefined) yield { ...program, lifespan: undefined };
  for (const [on, { database, ...virtual }] of program.virtuals.entries()) {
    if (Object.values(virtual).every((value) => value === undefined)) continue;
    yield { ...program, virtuals: program.virtuals.with(on, { database }) };
  }
}

type Body = readonly ProgramStep[];

function* smallerBodies(body: Body): Iterable<Body> {
  for (let length = body.length; length > 0; length = Math.floor(length / 2)) {
    for (let at = 0; at + length <= body.length; at += length) yield body.toSpliced(at, length);
  }
  for (const [at, step] of body.entries()) {
    // The body of a step may fail without the step around it.
    for (const inner of bodiesOf(step)) yield body.toSpliced(at, 1, ...inner);
    for (const smaller of smallerSteps(step)) yield body.with(at, smaller);
  }
}

/** The optional properties of a step. */
const optional: readonly string[] = [
  "abort",
  "bind",
  "by",
  "hand",
  "isPrepared",
  "isSerializable",
  "isSlow",
  "separate",
  "retries",
  "timeout",
  "transaction",
];

function* smallerSteps(step: ProgramStep): Iterable<ProgramStep> {
  if (step.kind === "parallel") {
    for (const at of step.branches.keys()) {
      if (step.branches.length > 1) yield { ...step, branches: step.branches.toSpliced(at, 1) };
    }
    for (const [at, branch] of step.branches.entries()) {
      for (const smaller of smallerBodies(branch)) {
        yield { ...step, branches: step.branches.with(at, smaller) };
      }
    }
  } else if ("body" in step) {
    for (const body of smallerBodies(step.body)) yield { ...step, body };
  }
  for (const name of optional) {
    if (name in step && Reflect.get(step, name) !== undefined) {
      yield { ...step, [name]: undefined } as ProgramStep;
    }
  }
  if ("on" in step && step.on > 0) yield { ...step, on: 0 };
}
