/**
 * Makes a session as its target says: when it begins, when a holder has left something in it, and
 * when it is to be one of another target.
 */

import type { Connection } from "mysql2";
import { type Beginning, beginSession, type Memory } from "./beginning.ts";
import type { Loans } from "./loan.ts";
import { login } from "./login.ts";
import { answered, internalsOf } from "./mysql2_internals.ts";
import { isOfServer } from "./refusals.ts";
import { ending, type SessionEnd } from "./session_end.ts";
import { UnsoundLookUp } from "./look_up.ts";
import { type Behind, nothingBehind } from "./stored_object_texts.ts";
import type { Target } from "./target.ts";
import { changedReason, hiddenReason } from "./text_reading.ts";
import type { SessionState } from "./session_state.ts";

/** How long the server may take to wipe a session, or to let another user in. */
const resetMsMax = 5000;

/** Wipes one session. */
export class Wiping {
  readonly #driver: Connection;
  readonly #state: SessionState;
  readonly #end: SessionEnd;
  readonly #loans: Loans;
  readonly #memory: Memory;

  /** Wipes the session of a connection, by what its parts know. */
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

  /** Makes a session that has just been connected or wiped what its target says. */
  async begin(target: Target, by: Beginning): Promise<void> {
    await beginSession(this.#driver, this.#state, target, this.#memory, by);
    this.#loans.settle();
  }

  /**
   * Wipes what a holder left, or whatever there is if `isForced`. Where only a look-up can tell
   * whether there is anything, that comes first. Returns why that took a new login, or a reset for
   * what may not be seen, if it did.
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
    // No reset gives back a role, and with another one the server tells something else.
    await this.login(target);
    const found = await this.lookUp(names, target);
    this.#state.settle();
    return reasonOf(found, hasWritten) ?? hidden;
  }

  /** Asks what is behind some names, and wipes what that may have left; returns the reason. */
  async #settle(names: ReadonlySet<string>, target: Target): Promise<string | undefined> {
    const { reading } = this.#state;
    const { hasWritten, changeCount } = reading;
    const found = await this.lookUp(names, target);
    // What it found may not be what there was when the statements ran.
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

  /** Makes it a session of a target by a new login. */
  async login(target: Target): Promise<void> {
    try {
      const internals = internalsOf(this.#driver);
      await this.#wipe("A new login", () => login(internals, target), target, "login");
    } catch (error) {
      // MariaDB leaves it open and logged in as before, but without what the session had.
      this.#end.break(ending("A new login failed", error));
      throw error;
    }
  }

  /** Asks what is behind some names; if the answer is not certain, it may be anything. */
  async lookUp(names: ReadonlySet<string>, target: Target): Promise<Behind> {
    const { reading, isInTransaction } = this.#state;
    let behind = nothingBehind;
    try {
      await this.#end.within("A look-up of views and triggers", resetMsMax, async () => {
        behind = await reading.lookUp(this.#driver, names);
        // Without autocommit, MySQL has begun a transaction for it.
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

  /** Wipes it, unless its server is known to refuse that; then another has to be opened. */
  async #wipe(
    what: string,
    ask: () => Promise<void>,
    target: Target,
    by: Beginning,
  ): Promise<void> {
    if (this.#memory.refusals.has("wiping", target)) {
      throw new Error(`${what} was not tried, as the server has refused one before`);
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

/** Returns why what was found may have left something that a reset does not wipe. */
function reasonOf({ reason, reasonOfTriggers }: Behind, hasWritten: boolean): string | undefined {
  return reason ?? (hasWritten ? reasonOfTriggers : undefined);
}
