/**
 * Runs a program against a pool, through the pool's public interface only, and records each call
 * and its outcome.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Lease } from "../../mod.ts";
import { type Deed, type History, markOf } from "./history.ts";
import { Recorder, type Standing } from "./record.ts";
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
import { nameOf, streamLength } from "./program.ts";
import {
  askedOf,
  type Handle,
  handleAt,
  handleOf,
  outside,
  type Place,
  throughOf,
} from "./handles.ts";
import { Aborted, type Surroundings, Thrown } from "./surroundings.ts";
import * as sql from "./statements.ts";

/** One run of a program. */
export class Run {
  readonly #recorder = new Recorder();
  readonly #program: Program;
  readonly #around: Surroundings;
  readonly #running: Set<Promise<void>> = new Set();
  readonly #timesRun: Map<ProgramStep, number> = new Map();

  constructor(program: Program, around: Surroundings) {
    this.#program = program;
    this.#around = around;
  }

  /** The calls of the program's code, and their outcomes. */
  get deeds(): History {
    return this.#recorder.deeds;
  }

  /** Runs the program; fulfilled when all its code has ended, or the time is up. */
  async toEnd(msMax: number): Promise<void> {
    const end = new AbortController();
    const late = sleep(msMax, undefined, { signal: end.signal }).catch(() => undefined);
    const nowhere = { parent: undefined, unit: undefined, lease: undefined };
    const place = { ...nowhere, transactions: new Map(), isBeside: false };
    this.#start(this.#body(this.#program.body, place));
    let isLate = false;
    late.then(() => isLate = true);
    while (this.#running.size > 0 && !isLate) {
      await Promise.race([Promise.all(this.#running), late]);
    }
    end.abort();
  }

  /** Makes {@linkcode toEnd} wait for code, even if no other code awaits it. */
  #start<T>(code: Promise<T>): Promise<T> {
    const ended = code.then(() => undefined, () => undefined).then(() => {
      this.#running.delete(ended);
    });
    this.#running.add(ended);
    return code;
  }

  async #body(steps: readonly ProgramStep[], place: Place): Promise<void> {
    for (const step of steps) await this.#step(step, place);
  }

  async #step(step: ProgramStep, place: Place): Promise<void> {
    const end = new AbortController();
    const { abort } = step;
    const timer = abort === undefined
      ? undefined
      : setTimeout(() => end.abort(new Aborted("The program aborts it")), abort);
    const signal = abort === undefined ? undefined : end.signal;
    try {
      await this.#take(step, place, signal);
    } catch (error) {
      if (!step.catches) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #take(step: ProgramStep, place: Place, signal: AbortSignal | undefined): Promise<void> {
    switch (step.kind) {
      case "statement":
        return await this.#statement(step, place, signal);
      case "state":
        return await this.#state(step, place);
      case "transaction":
        return await this.#transaction(step, place, signal);
      case "unit":
        return await this.#unit(step, place, signal);
      case "parallel":
        return await this.#parallel(step, place);
      case "lease":
        return await this.#lease(step, place);
      case "stream":
        return await this.#stream(step, place);
      case "kill":
        return await this.#around.kill(step.which);
      case "pause":
        return await sleep(step.ms);
      case "throw":
        throw new Thrown("The program throws it");
    }
  }

  async #statement(
    step: StatementStep,
    place: Place,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { on, timeout, isPrepared = false } = step;
    const isOver = (this.#timesRun.get(step) ?? 0) >= (step.times ?? Infinity);
    this.#timesRun.set(step, (this.#timesRun.get(step) ?? 0) + 1);
    const deed = this.#recorder.ask("statement", on, step, place);
    const { number, isolationVariable } = this.#around;
    const mark = markOf(number, deed.id);
    const { text, values } = sql.statement(isOver ? { ...step, what: "read" } : step, mark, {
      number,
      isolationVariable,
    });
    const options = { signal, ...timeout === undefined ? {} : { timeout } };
    const byHandle = handleAt(on, place);
    const through = throughOf(step, place, this.#around.pool.connection(nameOf(on)));
    const run = async (): Promise<void> => {
      const [rows] = isPrepared && values.length > 0
        ? await through.execute(text, values, options)
        : await through.query(text, values, options);
      deed.look = sql.lookIn(rows);
    };
    // Without a handle, a statement finds its unit only by its context.
    const isOutside = step.by === "outside" && byHandle !== undefined;
    await this.#recorder.watch(deed, isOutside ? () => outside(run) : run);
  }

  async #state(step: StateStep, place: Place): Promise<void> {
    const { on } = step;
    const { pool, number, databases, isolationVariable } = this.#around;
    const deed = this.#recorder.ask("state", on, step, place);
    const connection = pool.connection(nameOf(on));
    const { owner, look } = sql.state(step, deed.id, this.deeds, {
      number,
      databases,
      isolationVariable,
    });
    await this.#recorder.watch(deed, async () => {
      await connection.query(owner);
      const [rows] = await connection.query(look);
      deed.look = sql.lookIn(rows);
    });
  }

  async #transaction(
    step: TransactionStep,
    place: Place,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { on, isSerializable } = step;
    const deed = this.#recorder.ask("transaction", on, step, place);
    const options = { signal, ...isSerializable ? { isolation: "serializable" as const } : {} };
    const code = async (handle?: unknown): Promise<void> => {
      const transactions = new Map(place.transactions).set(on, handleOf(handle));
      await this.#recorder.code(
        [deed],
        () => this.#body(step.body, { ...place, parent: deed.id, transactions, lease: undefined }),
      );
    };
    const by = askedOf(step, place, this.#around.pool.connection(nameOf(on)));
    await this.#recorder.watch(deed, () => by.run(() => by.connection.transaction(code, options)));
  }

  async #unit(step: UnitStep, place: Place, signal: AbortSignal | undefined): Promise<void> {
    const deed = this.#recorder.ask("unit", 0, step, place);
    const repeated: Deed = { ...deed, outcome: "rejected" };
    let last: readonly Deed[] = [];
    const code = async (handle?: unknown): Promise<void> => {
      this.#recorder.end(last, repeated);
      last = this.#attempt(step, deed.id);
      const transactions = new Map<number, Handle | undefined>();
      for (const on of step.transaction ?? []) transactions.set(on, undefined);
      const unit = handleOf(handle);
      const parent = last.at(-1)?.id;
      const inner = { parent, unit, transactions, lease: undefined, isBeside: false };
      await this.#recorder.code(last, () => this.#body(step.body, inner));
    };
    const { retries, transaction } = step;
    const options = { signal, retries, transaction: transaction?.map(nameOf) };
    try {
      await this.#recorder.watch(
        deed,
        () => this.#around.pool.unit(code, { ...options, bind: this.#targetsOf(step) }),
      );
    } finally {
      this.#recorder.end(last, deed);
    }
  }

  /** Records an attempt, and the transactions of the unit's option, the innermost last. */
  #attempt(step: UnitStep, unit: number): Deed[] {
    const deeds: Deed[] = [];
    const place = (): Standing => ({
      parent: deeds.at(-1)?.id ?? unit,
      lease: undefined,
      isBeside: false,
    });
    deeds.push(this.#recorder.ask("attempt", 0, step, place()));
    for (const on of step.transaction ?? []) {
      deeds.push(this.#recorder.ask("transaction", on, step, place(), true));
    }
    return deeds;
  }

  #targetsOf({ bind = [] }: UnitStep): Record<string, { database: string }> {
    const { databases: [first, second] } = this.#around;
    return Object.fromEntries(bind.map((on) => {
      const database = this.#program.virtuals[on]?.database === 0 ? second : first;
      return [nameOf(on), { database }];
    }));
  }

  async #parallel({ mode, branches }: ParallelStep, place: Place): Promise<void> {
    const beside = { ...place, isBeside: true };
    const running = branches.map((branch) => this.#start(this.#body(branch, beside)));
    if (mode === "all") await Promise.all(running);
    else if (mode === "first") await Promise.race(running);
    else {
      const outcomes = await Promise.allSettled(running);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    }
  }

  async #lease(step: LeaseStep, place: Place): Promise<void> {
    const { on, separate, hand } = step;
    const deed = this.#recorder.ask("lease", on, step, place);
    const by = askedOf(step, place, this.#around.pool.connection(nameOf(on)));
    const lease = await this.#recorder.watch(
      deed,
      () => by.run(() => by.connection.lease({ separate: separate ?? false })),
    );
    try {
      const within = { ...place, parent: deed.id, lease };
      if (hand === undefined) await this.#body(step.body, within);
      else await this.#hand(step, hand, { ...within, lease });
    } finally {
      lease.release();
    }
  }

  /** Runs a transaction by SQL on a lease; records it as rejected if the program rolls it back. */
  async #hand(
    step: LeaseStep,
    end: "commit" | "rollback",
    place: Place & { readonly lease: Lease },
  ): Promise<void> {
    const deed = this.#recorder.ask("hand", step.on, step, place);
    const rolledBack = new Thrown("The program rolls it back");
    const run = async (): Promise<void> => {
      await this.#recorder.code([deed], async () => {
        await place.lease.query("START TRANSACTION");
        await this.#body(step.body, { ...place, parent: deed.id });
        if (end === "rollback") throw rolledBack;
      }).catch(async (error) => {
        if (error === rolledBack) await place.lease.query("ROLLBACK");
        throw error;
      });
      await place.lease.query("COMMIT");
    };
    await this.#recorder.watch(deed, run).catch((error) => {
      if (error !== rolledBack) throw error;
    });
  }

  async #stream(step: StreamStep, place: Place): Promise<void> {
    const { on, separate = false } = step;
    const deed = this.#recorder.ask("stream", on, step, place);
    await this.#recorder.watch(deed, async () => {
      await using lease = await this.#around.pool.connection(nameOf(on)).lease({ separate });
      deed.rows = 0;
      for await (const _row of lease.connection.query(sql.stream).stream()) {
        if (deed.rows >= Math.min(step.rows, streamLength)) break;
        deed.rows++;
      }
    });
  }
}
