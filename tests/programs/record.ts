/** Records the calls that a program's code makes to the pool, and their outcomes. */

import type { Deed, Rejection } from "./history.ts";
import type { ProgramStep } from "./program.ts";

/** The position of code that calls the pool. */
export interface Standing {
  /** The deed whose callback the code is. */
  readonly parent: number | undefined;
  /** The lease that the code may use, if there is one. */
  readonly lease: unknown;
  readonly isBeside: boolean;
}

/** The deeds of one program. */
export class Recorder {
  readonly deeds: Deed[] = [];
  #clock = 0;

  /** Records a call, and returns its pending deed. */
  ask(
    kind: Deed["kind"],
    on: number,
    step: ProgramStep,
    { parent, isBeside, lease }: Standing,
    isImplicit = false,
  ): Deed {
    const isThrough = lease !== undefined &&
      (kind === "hand" || step.kind === "statement" && step.by === "lease");
    const asked = ++this.#clock;
    const id = this.deeds.length;
    const asks = { id, parent, kind, on, step, isBeside, isThrough, isImplicit, asked };
    const deed: Deed = { ...asks, outcome: "pending" };
    this.deeds.push(deed);
    return deed;
  }

  /** Runs a call, and records its outcome in a deed. */
  async watch<T>(deed: Deed, fn: () => Promise<T>): Promise<T> {
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

  /** Runs the callback of deeds, and records in them when it ends, and whether it throws. */
  async code(deeds: readonly Deed[], code: () => Promise<void>): Promise<void> {
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

  /** Records the end of an attempt and its transactions with the outcome of their unit. */
  end([attempt, ...transactions]: readonly Deed[], { outcome, rejection }: Deed): void {
    if (attempt === undefined) return;
    attempt.settled = ++this.#clock;
    for (const transaction of transactions) {
      Object.assign(transaction, { settled: attempt.settled, outcome, rejection });
    }
  }
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
