/** Generates random programs from a seed: the same seed gives the same program. */

import { Chance } from "../../examples/demo/chance.ts";
import type {
  LeaseStep,
  ParallelStep,
  Program,
  ProgramStep,
  StatementStep,
  StateStep,
  StreamStep,
  TransactionStep,
  UnitStep,
} from "./program.ts";

/** The maximum depth of a tree, and the number of steps after which a program stops growing. */
const depthMax = 5;
const stepsMax = 16;

/** The position in a program at which a step is generated. */
interface Site {
  readonly depth: number;
  readonly isInUnit: boolean;
  /** The virtual connections on which its code is in a transaction. */
  readonly transactions: readonly number[];
  /** The virtual connection of the lease that its code may use. */
  readonly lease: number | undefined;
  /** Whether that lease is shared with its unit, so that the unit's other code waits for it. */
  readonly isJoined: boolean;
}

/** The faults that a program may contain. */
interface Mood {
  readonly throws: boolean;
  readonly kills: boolean;
  readonly aborts: boolean;
  readonly timeouts: boolean;
}

const calm: Mood = { throws: false, kills: false, aborts: false, timeouts: false };
const moods: readonly Mood[] = [
  calm,
  calm,
  { ...calm, throws: true },
  { ...calm, throws: true },
  { ...calm, throws: true, kills: true },
  { ...calm, throws: true, aborts: true },
  { ...calm, throws: true, timeouts: true },
  { throws: true, kills: true, aborts: true, timeouts: true },
];

/** Returns the program of a seed. */
export function programOf(seed: number): Program {
  return new Maker(new Chance(seed)).program();
}

class Maker {
  readonly #chance: Chance;
  readonly #mood: Mood;
  #virtualCount = 2;
  #stepsLeft = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#mood = chance.pick(moods);
  }

  program(): Program {
    const chance = this.#chance;
    this.#virtualCount = chance.between(2, 3);
    this.#stepsLeft = chance.between(3, stepsMax);
    const virtuals = [0, 1, 0].slice(0, this.#virtualCount).map((database) => ({
      database: database === 1 ? 1 as const : 0 as const,
      limit: this.#is(0.1) ? chance.between(1, 2) : undefined,
      hold: this.#is(0.15) ? chance.pick(["unit", "statement"] as const) : undefined,
    }));
    const site = { depth: 0, isInUnit: false, transactions: [], lease: undefined, isJoined: false };
    const body: ProgramStep[] = [];
    while (this.#stepsLeft > 0) body.push(this.#step(site));
    return {
      limit: chance.pick([1, 1, 2, 2, 3, 5, 10]),
      lifespan: this.#is(0.1) ? "unit" : undefined,
      virtuals,
      body: this.#is(0.5) && body.length > 1 ? [this.#together(body)] : body,
    };
  }

  #is(probability: number): boolean {
    return this.#chance.next() < probability;
  }

  #virtual(): number {
    return this.#chance.between(0, this.#virtualCount - 1);
  }

  /** Runs the steps in parallel, like concurrent requests to a web server. */
  #together(body: readonly ProgramStep[]): ParallelStep {
    return {
      kind: "parallel",
      mode: "settled",
      branches: body.map((step) => [step]),
      catches: true,
    };
  }

  #body(site: Site, longest = 4): ProgramStep[] {
    const length = this.#chance.between(1, longest);
    return Array.from({ length }, () => this.#step(site));
  }

  #step(site: Site): ProgramStep {
    this.#stepsLeft--;
    const step = this.#bare(site);
    const isOften = "body" in step ? 0.5 : 0.35;
    const catches = this.#is(site.depth === 0 ? 1 : isOften) ? true as const : undefined;
    const abort = this.#mood.aborts && mayAbort(step) && this.#is(0.25)
      ? this.#chance.between(0, 25)
      : undefined;
    return { ...step, catches, abort };
  }

  #bare(site: Site): ProgramStep {
    const { throws, kills } = this.#mood;
    const isDeep = site.depth >= depthMax || this.#stepsLeft <= 0;
    const within = { ...site, depth: site.depth + 1 };
    const choices: [weight: number, make: () => ProgramStep][] = [
      [9, () => this.#statement(site)],
      [site.isInUnit ? 1.6 : 0, () => this.#state()],
      [0.8, () => this.#stream()],
      [0.5, () => ({ kind: "pause", ms: this.#chance.between(0, 4) })],
      [throws && site.depth > 0 ? 1 : 0, () => ({ kind: "throw" })],
      [kills ? 1 : 0, () => ({ kind: "kill", which: this.#chance.between(0, 9) })],
      [isDeep ? 0 : 5, () => this.#transaction(within)],
      [isDeep ? 0 : 4, () => this.#unit(within)],
      [isDeep ? 0 : 3.5, () => this.#parallel(within)],
      [isDeep ? 0 : 1.5, () => this.#lease(within)],
    ];
    let at = this.#chance.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, make] of choices) {
      at -= weight;
      if (at < 0) return make();
    }
    return this.#statement(site);
  }

  #statement(site: Site): StatementStep {
    const { throws, timeouts } = this.#mood;
    const byLease = site.lease !== undefined && this.#is(0.6);
    const by = byLease ? "lease" : this.#by(site, 0.35);
    const what = throws && this.#is(0.18)
      ? this.#chance.pick(["wrong", "deadlock", "deadlock"] as const)
      : this.#is(0.75)
      ? "write"
      : "read";
    return {
      kind: "statement",
      on: byLease && site.lease !== undefined ? site.lease : this.#virtual(),
      what,
      times: what === "deadlock" ? this.#chance.between(1, 2) : undefined,
      isSlow: this.#is(0.12) ? true : undefined,
      isPrepared: this.#is(0.3) ? true : undefined,
      timeout: timeouts && this.#is(0.3) ? this.#chance.between(1, 40) : undefined,
      by,
    };
  }

  #by({ isInUnit }: Site, probability: number): "handle" | "outside" | undefined {
    return isInUnit && this.#is(probability)
      ? this.#chance.pick(["handle", "outside"] as const)
      : undefined;
  }

  #state(): StateStep {
    const kinds = ["variable", "table", "isolation", "lock", "database", "database"] as const;
    return { kind: "state", on: this.#virtual(), what: this.#chance.pick(kinds) };
  }

  #stream(): StreamStep {
    return {
      kind: "stream",
      on: this.#virtual(),
      separate: this.#is(0.4) ? true : undefined,
      rows: this.#is(0.5) ? this.#chance.between(0, 2_000) : 20_000,
    };
  }

  #transaction(site: Site): TransactionStep {
    const on = this.#is(0.5) && site.transactions.length > 0
      ? this.#chance.pick(site.transactions)
      : this.#virtual();
    const isOuter = !site.transactions.includes(on);
    const transactions = [...site.transactions, on];
    const within = { ...site, isInUnit: true, transactions, lease: undefined };
    return {
      kind: "transaction",
      on,
      by: this.#by(site, 0.2),
      isSerializable: isOuter && this.#is(0.1) ? true : undefined,
      body: this.#body(within),
    };
  }

  #unit(site: Site): UnitStep {
    const transaction = this.#is(0.3)
      ? [...new Set([this.#virtual(), ...this.#is(0.3) ? [this.#virtual()] : []])]
      : undefined;
    const transactions = transaction ?? [];
    const within = { ...site, isInUnit: true, transactions, lease: undefined };
    return {
      kind: "unit",
      bind: this.#is(0.2) ? [this.#virtual()] : undefined,
      transaction,
      retries: this.#is(0.4) ? this.#chance.between(1, 2) : undefined,
      body: this.#body(within),
    };
  }

  #parallel(site: Site): ParallelStep {
    // Branches that share a joined lease would have to wait for its transactions.
    const lease = site.isJoined ? undefined : site.lease;
    const branches = Array.from(
      { length: this.#chance.between(2, 4) },
      () => this.#body({ ...site, lease }, 2),
    );
    const mode = this.#chance.pick(["all", "all", "settled", "settled", "first"] as const);
    return { kind: "parallel", mode, branches };
  }

  #lease(site: Site): LeaseStep {
    const on = this.#virtual();
    const separate = this.#is(0.4)
      ? this.#chance.pick([true, true, "unlessInTransaction"] as const)
      : undefined;
    const isHand = separate === true && this.#is(0.4);
    const within = { ...site, lease: on, isJoined: separate !== true };
    return {
      kind: "lease",
      on,
      by: this.#by(site, 0.2),
      separate,
      hand: isHand ? this.#chance.pick(["commit", "rollback"] as const) : undefined,
      body: this.#body(within),
    };
  }
}

function mayAbort({ kind }: ProgramStep): boolean {
  return kind === "statement" || kind === "transaction" || kind === "unit";
}
