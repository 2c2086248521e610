/**
 * Runs programs in parallel in one process, in any runtime, on a server that runs already. The
 * first argument is a {@linkcode Task} as JSON; the worker prints {@linkcode News} as JSON lines.
 */

import process from "node:process";
import type { Breach } from "./judge.ts";
import { programOf } from "./generate.ts";
import { known } from "./known.ts";
import type { Program } from "./program.ts";
import { shrink } from "./shrink.ts";
import { tryProgram } from "./trial.ts";
import { type Site, World, type WorldAddress } from "./world.ts";

/** The task of a worker. */
export interface Task extends WorldAddress {
  /** How many programs run at once. */
  readonly sites: number;
  /** The seed of the programs. */
  readonly seed: number;
  /** How long the worker starts new programs, in s. */
  readonly seconds: number;
  /** The one program to run repeatedly, instead of those of the seed. */
  readonly replay?: Program | undefined;
  /** The number of the one program of the seed to run repeatedly. */
  readonly only?: number | undefined;
  /** After how many programs the worker ends. */
  readonly programsMax: number;
  /** After how many failures the worker ends. */
  readonly failuresMax: number;
  /** How long to shrink the first program that failed, in s. */
  readonly shrinkSeconds: number;
}

/** The messages of a worker. */
export type News =
  | { readonly kind: "failure"; readonly failure: Failure }
  /** How many programs ran, and how many of them failed. */
  | { readonly kind: "end"; readonly programs: number; readonly failed: number };

/** A program that failed. */
export interface Failure {
  /** Its number in the seed. */
  readonly number: number;
  readonly program: Program;
  readonly breaches: readonly Breach[];
  /** Whether it is the shrunk form of a failed program. */
  readonly isShrunk: boolean;
}

/** How often to run a smaller program to see whether it fails. */
const triesPerProgram = 4;

class Worker {
  readonly #task: Task;
  readonly #world: World;
  readonly #failures: Failure[] = [];
  #endsAt = 0;
  #begun = 0;
  #ended = 0;

  constructor(task: Task, world: World) {
    this.#task = task;
    this.#world = world;
  }

  async run(): Promise<void> {
    const { sites: count, shrinkSeconds } = this.#task;
    const sites: Site[] = [];
    for (let number = 0; number < count; number++) {
      sites.push(await this.#world.createSite(number));
    }
    this.#endsAt = performance.now() + this.#task.seconds * 1_000;
    await Promise.all(sites.map((site) => this.#work(site)));
    const [programs, failed] = [this.#ended, this.#failures.length];
    const [first] = this.#failures;
    if (first !== undefined && shrinkSeconds > 0) await this.#shrink(first, sites);
    say({ kind: "end", programs, failed });
  }

  async #work(site: Site): Promise<void> {
    const { replay, only, seed, programsMax, failuresMax } = this.#task;
    while (this.#begun < programsMax && this.#failures.length < failuresMax) {
      if (performance.now() > this.#endsAt) return;
      const number = ++this.#begun;
      const program = replay ?? programAt(seed, only ?? number);
      const { breaches } = await tryProgram(program, number, this.#world, site);
      this.#ended++;
      if (breaches.length > 0) {
        this.#fail({ number: only ?? number, program, breaches, isShrunk: false });
      }
    }
  }

  /** Shrinks a program; runs each smaller one at several sites, as it may fail only sometimes. */
  async #shrink({ number, program, breaches }: Failure, sites: readonly Site[]): Promise<void> {
    const rules = new Set(breaches.map(({ rule }) => rule));
    let found = breaches;
    const fails = async (smaller: Program): Promise<boolean> => {
      const trials = await Promise.all(
        sites.slice(0, triesPerProgram).map((site) =>
          tryProgram(smaller, ++this.#begun, this.#world, site)
        ),
      );
      const failed = trials.find((trial) => trial.breaches.some(({ rule }) => rules.has(rule)));
      found = failed?.breaches ?? found;
      return failed !== undefined;
    };
    const smallest = await shrink(program, fails, this.#task.shrinkSeconds * 1_000);
    this.#say({ number, program: smallest, breaches: found, isShrunk: true });
  }

  #fail(failure: Failure): void {
    this.#failures.push(failure);
    this.#say(failure);
  }

  #say(failure: Failure): void {
    say({ kind: "failure", failure });
  }
}

/** Returns a program of a seed; the first ones are the known programs, whatever the seed. */
function programAt(seed: number, number: number): Program {
  return known[number - 1] ?? programOf(Math.imul(seed, 1_000_003) + number);
}

function say(news: News): void {
  process.stdout.write(`${JSON.stringify(news)}\n`);
}

// An uncaught error is a failure of the pool too: it ends the process.
const task: Task = JSON.parse(process.argv[2] ?? "{}");
{
  await using world = await World.open(task);
  await new Worker(task, world).run();
}
process.exit(0);
