/**
 * Brings a session into the state that its target asks for: when it begins, after a holder has
 * left state in it, and when it moves to another target.
 */

import type { Connection } from "mysql2";
import { type Beginning, beginSession, type Memory } from "./beginning.ts";
import type { Loans } from "./loan.ts";
import { isStandIn } from "./greeting.ts";
import { login } from "./login.ts";
import { answered, internalsOf } from "./mysql2_internals.ts";
import { isOfServer } from "./refusals.ts";
import { ending, type SessionEnd } from "./session_end.ts";
import { UnsoundLookUp } from "./look_up.ts";
import { type Behind, nothingBehind } from "./stored_object_texts.ts";
import type { Target } from "./target.ts";
import { changedReason, hiddenReason } from "./text_reading.ts";
import type { SessionState } from "./session_state.ts";

/** How long a reset, a new login or a look-up may take. */
const resetMsMax = 5000;

/** Wipes one session. */
export class Wiping {
  readonly #driver: Connection;
  readonly #state: SessionState;
  readonly #end: SessionEnd;
  readonly #loans: Loans;
  readonly #memory: Memory;

  /** Wipes the session of a connection, with the help of its parts. */
  constructor(
    driver: Connection,
    state: SessionState,
    end: SessionEnd,
    loans: Loans,
    memory: Memory,
  ) {
    this.#driver = driver;
    this.#state = state;
    this.#end = end;
    this.#loans = loans;
    this.#memory = memory;
  }

  /** Sets up a session as its target says, after a connect, a reset or a new login. */
  async begin(target: Target, by: Beginning): Promise<void> {
    await beginSession(this.#driver, this.#state, target, this.#memory, by);
    this.#loans.settle();
  }

  /** Tells whether a wipe would be in vain: then the pool must open another connection. */
  isRefused(target: Target): boolean {
    return this.#memory.refusals.has("wiping", target) || isStandIn(internalsOf(this.#driver));
  }

  /**
   * Wipes the state that a holder left, or any state if `isForced`. If only a look-up can show
   * whether there is state, the look-up comes first. Returns why this took a new login, or a reset
   * for objects that the user may not see; otherwise undefined.
   */
  async reset(target: Target, isForced: boolean): Promise<string | undefined> {
    const { reading, isDirty, renewalReason } = this.#state;
    const names = new Set(reading.unknownNames);
    const { hasHidden, hasWritten } = reading;
    const hidden = hasHidden ? hiddenReason : undefined;
    if (renewalReason !== undefined) {
      await this.login(target);
      return renewalReason;
    }
    if (names.size > 0 && !isDirty && !isForced) return await this.#settle(names, target);
    if (names.size === 0) {
      await this.#reset(target);
      return hidden;
    }
    // A reset does not restore the role, and with another role the server shows other objects.
    await this.login(target);
    const found = await this.lookUp(names, target);
    this.#state.settle();
    return reasonOf(found, hasWritten) ?? hidden;
  }

  /** Looks names up, and wipes what the objects found may have left; returns the reason. */
  async #settle(names: ReadonlySet<string>, target: Target): Promise<string | undefined> {
    const { reading } = this.#state;
    const { hasWritten, changeCount } = reading;
    const found = await this.lookUp(names, target);
    // The look-up may show other objects than those that the statements ran.
    const missed = reading.changeCount === changeCount ? undefined : changedReason;
    const reason = reasonOf(found, hasWritten) ?? missed;
    const isHidden = reading.mayHide(found);
    if (reason !== undefined) await this.login(target);
    else if (isHidden) await this.#reset(target);
    else this.#state.settle();
    return reason ?? (isHidden ? hiddenReason : undefined);
  }

  #reset(target: Target): Promise<void> {
    const ask = (): Promise<void> => answered((answer) => this.#driver.reset(answer));
    return this.#wipe("A reset", ask, target, "reset");
  }

  /** Turns the session into a session of a target by a new login. */
  async login(target: Target): Promise<void> {
    try {
      const internals = internalsOf(this.#driver);
      await this.#wipe("A new login", () => login(internals, target), target, "login");
    } catch (error) {
      // MariaDB leaves the connection open and logged in as before, but without its former state.
      this.#end.break(ending("A new login failed", error));
      throw error;
    }
  }

  /** Looks up the effects behind some names; assumes the worst if the answer is not certain. */
  async lookUp(names: ReadonlySet<string>, target: Target): Promise<Behind> {
    const { reading, isInTransaction } = this.#state;
    let behind = nothingBehind;
    try {
      await this.#end.within("A look-up of views and triggers", resetMsMax, async () => {
        behind = await reading.lookUp(this.#driver, names);
        // Without autocommit, MySQL has begun a transaction for the look-up.
        if (isInTransaction || !this.#state.isInTransaction) return;
        await answered((answer) => this.#driver.query("ROLLBACK", answer));
      });
    } catch (error) {
      const anything = { ...nothingBehind, mayWrite: true };
      if (error instanceof UnsoundLookUp) return { ...anything, reason: error.reason };
      if (!isOfServer(error)) throw error;
      const isRefused = this.#memory.refusals.learn("look-up", target, error);
      if (!isRefused) return { ...anything, reason: "failed look-up" };
      reading.giveUp();
    }
    return behind;
  }

  /** Wipes the session; throws if that would be in vain. */
  async #wipe(
    what: string,
    ask: () => Promise<void>,
    target: Target,
    by: Beginning,
  ): Promise<void> {
    if (this.isRefused(target)) {
      throw new Error(`${what} was not tried, as the server refuses it`);
    }
    await this.#end.within(what, resetMsMax, async () => {
      await ask().catch((error: unknown) => {
        this.#memory.refusals.learn("wiping", target, error);
        throw error;
      });
      await this.begin(target, by);
    });
  }
}

/** Returns why the objects found may have left something that a reset does not wipe. */
function reasonOf({ reason, reasonOfTriggers }: Behind, hasWritten: boolean): string | undefined {
  return reason ?? (hasWritten ? reasonOfTriggers : undefined);
}
