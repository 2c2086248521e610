/**
 * The one lease that a unit of work has through one virtual connection.
 *
 * Statements use it for their own time; transactions and explicit leases keep it for theirs.
 * When nobody uses it and nothing keeps it, it is released at once, though the unit goes on;
 * session state that cannot move keeps it to the end of the unit.
 */

import type { Holding } from "../core/mod.ts";
import type { Session, Statement } from "../port.ts";
import { type Claim, slotOf } from "./claim.ts";
import { SubletError } from "./errors.ts";
import type { Watch } from "./leaks.ts";
import { granted } from "./lease_wait.ts";
import type { Home, Parts } from "./parts.ts";
import type { Level, Scope } from "./scope.ts";
import { enclosingOf, type Frame, type Unit, unitEnded, yieldAround } from "./unit.ts";
import { type Limits, runWithin, until } from "./wait.ts";

/** The lease of a unit through a virtual connection. */
export class Held<Target, Driver> implements Level<Target, Driver> {
  /** The unit. */
  readonly unit: Unit<Target, Driver>;
  /** The virtual connection. */
  readonly home: Home<Target>;
  /** The transaction that is open in it. */
  child: Scope<Target, Driver> | undefined = undefined;
  readonly #parts: Parts<Target, Driver>;
  #claim: Claim<Target, Driver> | undefined;
  #users = 0;
  #keepers = 0;
  #isBroken = false;
  #isEnded = false;
  #watch: Watch | undefined;
  #stack: string | undefined;

  /** Creates what holds nothing yet. */
  constructor(parts: Parts<Target, Driver>, unit: Unit<Target, Driver>, home: Home<Target>) {
    this.#parts = parts;
    this.unit = unit;
    this.home = home;
  }

  /** Whether it has been released for good. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The session of the lease; throws if it has ended. */
  get session(): Session<Target, Driver> {
    const { session, loss } = slotOf(this.#given);
    if (session.isAlive) return session;
    const prose = `The actual connection of ${JSON.stringify(this.home.name)} has ended`;
    throw new SubletError("CONNECTION_LOST", "statement", prose, loss && { cause: loss.cause });
  }

  /** Whether it holds a session that is not known to have ended. */
  get isAlive(): boolean {
    return this.#claim?.slot?.session.isAlive ?? false;
  }

  /** Whether a transaction is open in its session. */
  get isInTransaction(): boolean {
    return this.#claim?.slot?.session.isInTransaction ?? false;
  }

  /** Whether a transaction or an explicit lease keeps it. */
  get isKept(): boolean {
    return this.#keepers > 0;
  }

  /** What it holds to the end of the unit, whatever comes. */
  get lasting(): Holding | undefined {
    if (this.#claim?.status !== "granted" || !this.#isPinned) return undefined;
    return this.holding;
  }

  /** What it holds, if anything. */
  get holding(): Holding | undefined {
    if (this.#claim?.slot === undefined) return undefined;
    return { lease: this.#claim.lease, actual: this.#claim.slot.actual };
  }

  /** Keeps the lease, for a transaction or an explicit lease, until {@linkcode unkeep}. */
  keep(): void {
    this.#keepers++;
  }

  /** Takes one {@linkcode keep} back. */
  unkeep(): void {
    this.#keepers--;
    this.#settle();
  }

  /** Gives up a session that has ended with a transaction, if nothing else was in it. */
  leaveLost(): void {
    if (this.#claim?.status !== "granted" || this.#users > 0 || this.#keepers > 0) return;
    const { session } = slotOf(this.#claim);
    if (!session.isAlive && !session.isPinned) this.#release();
  }

  /** Watches how long the lease is held; returns the watch. */
  watch(stack: string | undefined): Watch {
    const { grantedAt } = this.#given;
    return this.#watch ??= this.#parts.leaks.watch(this.home.name, grantedAt, stack);
  }

  /** Lets go of what is only kept for what may be asked, as its unit has to wait elsewhere. */
  yield(): void {
    if (this.#hasEcho && this.#users === 0 && this.#keepers === 0 && !this.#isPinned) {
      this.#release();
    }
  }

  /** Has nothing to ask for any more, as a transaction ends; unless it is kept all the same. */
  forgetEcho(): void {
    if (this.#claim?.status !== "granted" || !this.#hasEcho) return;
    if (this.#keepers > 1 || this.#isPinned) return;
    this.unit.leave(this.home);
    this.#claim.echoesBefore = slotOf(this.#claim).session.echoCount;
  }

  /** Calls off whatever its session does now. */
  stop(reason: unknown): void {
    if (this.isAlive) this.session.abort(reason);
  }

  /** Has the actual connection closed, not lent again, when the lease ends. */
  breakOff(): void {
    this.#isBroken = true;
  }

  /** Has a lease requested, if there is none; returns a promise of it if that takes a while. */
  open(frame: Frame<Target, Driver> | undefined, limits: Limits): Promise<void> | undefined {
    const { interpreter, patience } = this.#parts;
    if (this.#isLostButMovable) this.#release();
    if (this.#claim?.status !== "granted" && this.#claim?.status !== "waiting") {
      const { id } = this.home;
      const enclosing = enclosingOf(frame, this.unit, this.home);
      this.#claim = interpreter.request(id, this.unit.targetOf(this.home), enclosing);
    }
    if (this.#claim.status === "granted") return undefined;
    yieldAround(frame);
    return granted(interpreter, patience, this.#claim, limits);
  }

  /** Runs a statement in its turn, of code that is in `scope`, or in no transaction here. */
  async run(
    statement: Statement,
    scope: Scope<Target, Driver> | undefined,
    frame: Frame<Target, Driver> | undefined,
    limits: Limits,
    stack: string | undefined,
  ): Promise<[unknown, unknown]> {
    let top: Scope<Target, Driver> | undefined;
    this.#users++;
    this.#stack ??= stack;
    try {
      let joined = this.#joined(scope);
      for (let open = (joined ?? this).child; open !== undefined; open = (joined ?? this).child) {
        await until(this.#parts.interpreter, open.changed, limits);
        joined = this.#joined(scope);
      }
      const opening = this.open(frame, limits);
      if (opening !== undefined) await opening;
      this.unit.check();
      if (this.unit.hasLeft(this.home) && !this.#hasEcho) this.#checkAsked(statement);
      top = joined?.top;
      return await runWithin(this.#parts.interpreter, this.session, statement, limits);
    } catch (error) {
      if (top !== undefined) this.#learn(top, error);
      throw error;
    } finally {
      this.#users--;
      this.#settle();
    }
  }

  /** Runs a statement of the pool's own, which begins or ends a transaction. */
  async control(sql: string, signal: AbortSignal | undefined): Promise<void> {
    this.#users++;
    try {
      const statement = { sql, values: undefined, isPrepared: false, options: undefined };
      signal?.throwIfAborted();
      await this.session.run(statement, signal);
    } finally {
      this.#users--;
      this.#settle();
    }
  }

  /** Ends with its unit: who waits is turned away, what runs is let run. */
  end(): void {
    this.child?.become("ended");
    for (const waiting of [...this.#claim?.waitings ?? []]) waiting.fail(unitEnded());
    this.#settle();
  }

  get #given(): Claim<Target, Driver> {
    if (this.#claim === undefined) throw new TypeError("The claim of no lease was asked for");
    return this.#claim;
  }

  /** Whether its session has ended, but nobody relies on what was in it. */
  get #isLostButMovable(): boolean {
    const claim = this.#claim;
    if (claim?.status !== "granted" || this.#users > 1 || this.#keepers > 0) return false;
    const { session } = slotOf(claim);
    return !session.isAlive && !session.isPinned && !session.isInTransaction;
  }

  /** Whether an answer has left something in its session that only that can tell. */
  get #hasEcho(): boolean {
    const { slot, echoesBefore } = this.#claim ?? NO_CLAIM;
    return slot !== undefined && slot.session.echoCount > echoesBefore;
  }

  #checkAsked(statement: Statement): void {
    if (this.session.factsOf(statement).reads === "nothing") return;
    const prose = "The statement asks about one before it, whose connection its unit has left: " +
      'ask in the same transaction or lease, or set hold: "unit"';
    throw new SubletError("CONNECTION_LEFT", "statement", prose);
  }

  /** Whether it outlasts the statements and transactions that use it, whatever comes. */
  get #isPinned(): boolean {
    if (this.#claim?.slot === undefined) return false;
    const { session } = this.#claim.slot;
    return this.home.hold === "unit" || session.isPinned || session.isInTransaction;
  }

  /** Returns the transaction that a statement is part of: that of its code, or the open one. */
  #joined(scope: Scope<Target, Driver> | undefined): Scope<Target, Driver> | undefined {
    this.unit.check();
    const joined = scope ?? (this.child?.status === "open" ? this.child : undefined);
    if (joined !== undefined) checkScope(joined);
    return joined;
  }

  /** Learns whether the failure of a statement was the end of its transaction. */
  #learn(top: Scope<Target, Driver>, cause: unknown): void {
    if (top.status !== "open" || !this.isAlive || this.isInTransaction) return;
    const prose = "The server has rolled the transaction back";
    top.failure ??= new SubletError("TRANSACTION_LOST", "statement", prose, { cause });
  }

  /** Releases the lease if nobody uses it and nothing keeps it. */
  #settle(): void {
    if (this.#users > 0 || this.#isEnded) return;
    if (!this.unit.isEnded && this.#keepers > 0) return;
    const isAsked = this.home.hold === "answer" && this.#hasEcho && this.isAlive;
    if (!this.unit.isEnded && (isAsked || this.#isPinned)) {
      this.watch(this.#stack);
      return;
    }
    this.#isEnded = true;
    this.unit.drop(this);
    this.#release();
  }

  #release(): void {
    if (this.#hasEcho && !this.unit.isEnded) this.unit.leave(this.home);
    const claim = this.#claim;
    this.#claim = undefined;
    if (this.#watch !== undefined) this.#parts.leaks.unwatch(this.#watch);
    this.#watch = undefined;
    if (claim?.slot === undefined) return;
    const condition = this.#isBroken ? "broken" : claim.slot.session.condition;
    this.#parts.interpreter.release(claim, condition);
  }
}

const NO_CLAIM = { slot: undefined, echoesBefore: 0 };

/** Throws if a transaction has ended, or has come to nothing. */
export function checkScope<Target, Driver>(scope: Scope<Target, Driver>): void {
  if (scope.status === "ending" || scope.status === "ended") {
    throw new SubletError("LEASE_ENDED", "statement", "The transaction has ended");
  }
  const { failure } = scope.top;
  if (failure !== undefined) throw failure;
}
