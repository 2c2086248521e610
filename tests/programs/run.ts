/**
 * Runs a program against a pool, by nothing but the pool's public interface, and writes down what
 * its code asked for and was answered.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lease, Pool } from "../../mod.ts";
import type { Deed, Look, Rejection } from "./history.ts";
import { markOf } from "./history.ts";
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
import { handleOf, type Runs, throughUnit } from "./handles.ts";
import * as sql from "./statements.ts";

/** What a program reaches beside its pool. */
export interface Surroundings {
  readonly pool: Pool<string>;
  /** The number of the program, which its marks begin with. */
  readonly number: number;
  readonly databases: readonly [string, string];
  /** How the server calls the variable of a session's isolation. */
  readonly isolationVariable: string;
  /** Has the server kill one of the pool's connections. */
  kill(which: number): Promise<void>;
}

/** The error that a program throws by itself. */
export class Thrown extends Error {
  readonly code: string = "THROWN";
}

/** The reason of the signals that a program aborts. */
export class Aborted extends Error {
  readonly code: string = "ABORTED";
}

/** Where code stands. */
interface Place {
  readonly parent: number | undefined;
  readonly unit: Runs | undefined;
  readonly transactions: ReadonlyMap<number, Runs | undefined>;
  readonly lease: Lease | undefined;
  readonly isBeside: boolean;
}

/** Runs what it is given outside of any context. */
const outside: <T>(fn: () => T) => T = AsyncLocalStorage.snapshot();

/** One run of a program. */
export class Run {
  readonly deeds: Deed[] = [];
  readonly #program: Program;
  readonly #around: Surroundings;
  readonly #running: Set<Promise<void>> = new Set();
  readonly #timesRun: Map<ProgramStep, number> = new Map();
  #clock = 0;

  constructor(program: Program, around: Surroundings) {
    this.#program = program;
    this.#around = around;
  }

  /** Runs it; fulfilled when all that it has begun has ended, or the time is up. */
  async toEnd(msMax: number): Promise<void> {
    const end = new AbortController();
    const late = sleep(msMax, undefined, { signal: end.signal }).catch(() => undefined);
    const place = {
      parent: undefined,
      unit: undefined,
      transactions: new Map(),
      lease: undefined,
      isBeside: false,
    };
    this.#start(this.#body(this.#program.body, place));
    let isLate = false;
    late.then(() => isLate = true);
    while (this.#running.size > 0 && !isLate) {
      await Promise.race([Promise.all(this.#running), late]);
    }
    end.abort();
  }

  /** Has the end of code waited for, whatever it is and whoever else waits for it. */
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
    const deed = this.#ask("statement", on, step, place);
    const { number, isolationVariable } = this.#around;
    const mark = markOf(number, deed.id);
    const { text, values } = sql.statement(isOver ? { ...step, what: "read" } : step, mark, {
      number,
      isolationVariable,
    });
    const options = { signal, ...timeout === undefined ? {} : { timeout } };
    const through = this.#through(step, place);
    const run = async (): Promise<void> => {
      const [rows] = isPrepared && values.length > 0
        ? await through.execute(text, values, options)
        : await through.query(text, values, options);
      deed.look = sql.lookIn(rows);
    };
    // What has no handle finds its unit by its context alone.
    const isOutside = step.by === "outside" && this.#handle(on, place) !== undefined;
    await this.#watch(deed, isOutside ? () => outside(run) : run);
  }

  /** Returns what a statement is run through. */
  #through({ by, on }: StatementStep, place: Place): Runs {
    const byContext: Runs = this.#around.pool.connection(nameOf(on));
    if (by === "lease") return place.lease ?? byContext;
    if (by === undefined) return byContext;
    return this.#handle(on, place) ?? byContext;
  }

  #handle(on: number, place: Place): Runs | undefined {
    if (place.transactions.has(on)) return place.transactions.get(on);
    return throughUnit(place.unit, nameOf(on));
  }

  async #state(step: StateStep, place: Place): Promise<void> {
    const { on } = step;
    const { pool, number, databases, isolationVariable } = this.#around;
    const deed = this.#ask("state", on, step, place);
    const connection = pool.connection(nameOf(on));
    const { owner, look } = sql.state(step, deed.id, this.deeds, {
      number,
      databases,
      isolationVariable,
    });
    await this.#watch(deed, async () => {
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
    const deed = this.#ask("transaction", on, step, place);
    const options = { signal, ...isSerializable ? { isolation: "serializable" as const } : {} };
    const code = async (handle?: unknown): Promise<void> => {
      const transactions = new Map(place.transactions).set(on, handleOf(handle));
      await this.#code(
        [deed],
        () => this.#body(step.body, { ...place, parent: deed.id, transactions, lease: undefined }),
      );
    };
    await this.#watch(deed, () => {
      return this.#around.pool.connection(nameOf(on)).transaction(code, options);
    });
  }

  async #unit(step: UnitStep, place: Place, signal: AbortSignal | undefined): Promise<void> {
    const deed = this.#ask("unit", 0, step, place);
    let last: Deed[] = [];
    const end = (): void => {
      for (const each of last) each.settled = ++this.#clock;
    };
    const code = async (handle?: unknown): Promise<void> => {
      end();
      const attempt = this.#ask("attempt", 0, step, { ...place, parent: deed.id, isBeside: false });
      last = [attempt];
      for (const on of step.transaction ?? []) {
        const parent = last.at(-1)?.id;
        last.push(this.#ask("transaction", on, step, { ...place, parent, isBeside: false }, true));
      }
      const parent = last.at(-1)?.id;
      const unit = handleOf(handle);
      const transactions = new Map<number, Runs | undefined>();
      for (const on of step.transaction ?? []) transactions.set(on, undefined);
      const inner = { parent, unit, transactions, lease: undefined, isBeside: false };
      await this.#code(last, () => this.#body(step.body, inner));
    };
    const { retries, transaction, bind } = step;
    const { databases } = this.#around;
    const targets = (bind ?? []).map((on) => {
      const database = this.#program.virtuals[on]?.database === 0 ? databases[1] : databases[0];
      return [nameOf(on), { database }];
    });
    try {
      await this.#watch(deed, () =>
        this.#around.pool.unit(code, {
          signal,
          retries,
          transaction: transaction?.map(nameOf),
          bind: Object.fromEntries(targets),
        }));
    } finally {
      end();
      for (const { kind, id } of last) {
        const each = this.deeds[id];
        if (kind !== "attempt" && each !== undefined) copyOutcome(deed, each);
      }
    }
  }

  /** Runs the code of deeds, and notes in them whether it throws. */
  async #code(deeds: readonly Deed[], code: () => Promise<void>): Promise<void> {
    try {
      await code();
    } catch (error) {
      for (const deed of deeds) deed.hasThrown = true;
      throw error;
    } finally {
      const returned = ++this.#clock;
      for (const deed of deeds) deed.returned = returned;
    }
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
    const { on, own, hand } = step;
    const deed = this.#ask("lease", on, step, place);
    const connection = this.#around.pool.connection(nameOf(on));
    const lease = await this.#watch(deed, () => connection.lease({ own: own ?? false }));
    try {
      const within = { ...place, parent: deed.id, lease };
      if (hand === undefined) await this.#body(step.body, within);
      else await this.#hand(step, hand, { ...within, lease });
    } finally {
      lease.release();
    }
  }

  /** Runs a transaction by hand; it is noted as rejected where it is meant to leave nothing. */
  async #hand(
    step: LeaseStep,
    end: "commit" | "rollback",
    place: Place & { readonly lease: Lease },
  ): Promise<void> {
    const deed = this.#ask("hand", step.on, step, place);
    const rolledBack = new Thrown("The program rolls it back");
    const run = async (): Promise<void> => {
      await this.#code([deed], async () => {
        await place.lease.query("START TRANSACTION");
        await this.#body(step.body, { ...place, parent: deed.id });
        if (end === "rollback") throw rolledBack;
      }).catch(async (error) => {
        if (error === rolledBack) await place.lease.query("ROLLBACK");
        throw error;
      });
      await place.lease.query("COMMIT");
    };
    await this.#watch(deed, run).catch((error) => {
      if (error !== rolledBack) throw error;
    });
  }

  async #stream(step: StreamStep, place: Place): Promise<void> {
    const { on, own = false } = step;
    const deed = this.#ask("stream", on, step, place);
    await this.#watch(deed, async () => {
      await using lease = await this.#around.pool.connection(nameOf(on)).lease({ own });
      deed.rows = 0;
      for await (const _row of lease.connection.query(sql.stream).stream()) {
        if (deed.rows >= Math.min(step.rows, streamLength)) break;
        deed.rows++;
      }
    });
  }

  #ask(
    kind: Deed["kind"],
    on: number,
    step: ProgramStep,
    { parent, isBeside, lease }: Place,
    isImplicit = false,
  ): Deed {
    const asked = ++this.#clock;
    const id = this.deeds.length;
    const isThrough = lease !== undefined &&
      (kind === "hand" || step.kind === "statement" && step.by === "lease");
    const asks = { id, parent, kind, on, step, isBeside, isThrough, isImplicit, asked };
    const deed: Deed = { ...asks, outcome: "pending" };
    this.deeds.push(deed);
    return deed;
  }

  /** Writes down what becomes of a deed. */
  async #watch<T>(deed: Deed, fn: () => Promise<T>): Promise<T> {
    try {
      const value = await fn();
      deed.outcome = "fulfilled";
      return value;
    } catch (error) {
      deed.outcome = "rejected";
      deed.rejection = rejectionOf(error);
      throw error;
    } finally {
      deed.settled = ++this.#clock;
    }
  }
}

function copyOutcome(from: Deed, to: Deed): void {
  to.outcome = from.outcome;
  to.rejection = from.rejection;
}

function rejectionOf(error: unknown): Rejection {
  if (!(error instanceof Error)) return { code: "NO_ERROR", message: String(error) };
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  return {
    code: typeof code === "string" ? code : error.name,
    errno: typeof errno === "number" ? errno : undefined,
    message: error.message,
  };
}

export type { Look };
