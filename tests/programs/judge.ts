/** Judges a program that has run, by what its code received and what the server shows. */

import type { Deed, History, View } from "./history.ts";
import { explains } from "./explain.ts";
import { readCommands, type Reading } from "./log.ts";
import { Model } from "./model.ts";
import { type Program, stepsOf, streamLength } from "./program.ts";
import { ownerOf } from "./statements.ts";

/** A rule that the pool broke. */
export interface Breach {
  readonly rule: Rule;
  /** A description of the finding. */
  readonly story: string;
}

/** The rules. */
export type Rule =
  /** A fulfilled write is in its table. */
  | "lost"
  /** No write is in its table twice. */
  | "doubled"
  /** A write that was rolled back, refused or repeated leaves no row. */
  | "stayed"
  /** A transaction whose outcome is unknown left all its writes or none. */
  | "torn"
  /** A unit is repeated only while nothing of it can have become permanent. */
  | "repeated"
  /** A statement runs in the transaction that its code is in, and in no other. */
  | "misplaced"
  /** No unit sees session state of another unit. */
  | "smuggled"
  /** A unit sees the session state that it set itself. */
  | "forgotten"
  /** A statement runs in the database of its unit. */
  | "astray"
  /** The pool refuses a statement after the end of its unit or transaction. */
  | "late"
  /** Every promise settles in time. */
  | "unsettled"
  /** Every rejection has a reason in the program. */
  | "unexplained"
  /** A stream yields all of its rows. */
  | "cut"
  /** No lease, waiter, transaction, lock or connection is left at the end. */
  | "left"
  /** The pool never has more connections than its limit, plus one to kill a statement. */
  | "crowded";

/** Returns every rule that a program's run broke. */
export function judge(program: Program, history: History, view: View): Breach[] {
  return new Judge(program, history, view).all();
}

class Judge {
  readonly #program: Program;
  readonly #view: View;
  readonly #model: Model;
  readonly #reading: Reading;
  readonly #counts: ReadonlyMap<number, number>;
  readonly #breaches: Breach[] = [];

  constructor(program: Program, history: History, view: View) {
    this.#program = program;
    this.#view = view;
    this.#model = new Model(history);
    this.#reading = readCommands(view.commands);
    const rowsOf = Map.groupBy(view.rows, ({ deed }) => deed);
    this.#counts = new Map([...rowsOf].map(([deed, rows]) => [deed, rows.length]));
  }

  all(): Breach[] {
    for (const deed of this.#model.history) {
      this.#judgeEnd(deed);
      if (deed.kind === "statement") this.#judgeStatement(deed);
      if (deed.kind === "state") this.#judgeState(deed);
      if (deed.kind === "attempt") this.#judgeRepetition(deed);
      if (deed.kind === "transaction" || deed.kind === "hand") this.#judgeWhole(deed);
      if (deed.look !== undefined) this.#judgeLook(deed);
    }
    this.#judgePlaces();
    this.#judgeRows();
    this.#judgeRest();
    return this.#breaches;
  }

  #judgeEnd(deed: Deed): void {
    if (deed.kind === "attempt" || deed.isImplicit) return;
    if (deed.outcome === "pending") this.#say("unsettled", `${nameOfDeed(deed)} never settled`);
    if (!explains(this.#program, this.#model, deed)) {
      const { code, errno = "", message } = deed.rejection ?? { code: "", message: "" };
      this.#say("unexplained", `${nameOfDeed(deed)} was rejected: ${code} ${errno} ${message}`);
    }
    if (deed.kind !== "stream" || deed.outcome !== "fulfilled") return;
    const wanted = deed.step.kind === "stream" ? Math.min(deed.step.rows, streamLength) : 0;
    if (deed.rows !== wanted) {
      this.#say("cut", `${nameOfDeed(deed)} brought ${deed.rows} of ${wanted} rows`);
    }
  }

  /** Whether a write has as many rows as its fate allows, and ran before its unit ended. */
  #judgeStatement(deed: Deed): void {
    const count = this.#counts.get(deed.id) ?? 0;
    const { min, max } = isWrite(deed) ? this.#model.fateOf(deed) : { min: 0, max: 0 };
    const story = `${nameOfDeed(deed)}, which was ${deed.outcome}, is there ${count} times`;
    if (count > 1) this.#say("doubled", story);
    else if (count > max) this.#say("stayed", story);
    else if (count < min) this.#say("lost", story);
    const unit = this.#model.unitOf(deed);
    const scopes = [unit, ...this.#model.transactionsOf(deed)].filter((scope) => scope !== deed);
    const ended = scopes.find(({ settled = Infinity }) => settled < deed.asked);
    const isSent = this.#reading.places.has(deed.id);
    if (ended !== undefined && ended.kind !== "lease" && (isSent || deed.outcome === "fulfilled")) {
      this.#say("late", `${nameOfDeed(deed)} was run after ${nameOfDeed(ended)} had ended`);
    }
  }

  /** Whether a unit sees the session state that it has just set. */
  #judgeState(deed: Deed): void {
    const { step, look, isBeside } = deed;
    if (step.kind !== "state" || look === undefined || isBeside) return;
    const unit = this.#model.unitOf(deed);
    if ("body" in unit.step && stepsOf(unit.step.body).some(leavesCode)) return;
    const owner = ownerOf(unit.id);
    const isSeen = {
      variable: look.owner === owner,
      table: look.flag === owner || look.flag === null,
      isolation: look.isolation === "READ-COMMITTED",
      lock: true,
      database: look.current === this.#view.databases[deed.id % 2],
    };
    if (isSeen[step.what]) return;
    this.#say("forgotten", `${nameOfDeed(deed)} did not see it: ${JSON.stringify(look)}`);
  }

  /** Whether no write of a repeated attempt could have become permanent. */
  #judgeRepetition(attempt: Deed): void {
    if (this.#model.nextAttempt(attempt) === undefined) return;
    for (const deed of this.#model.history) {
      if (!isWrite(deed) || ![...this.#model.around(deed)].includes(attempt)) continue;
      for (const { transaction } of this.#reading.places.get(deed.id) ?? []) {
        const story = `${nameOfDeed(attempt)} was repeated after ${nameOfDeed(deed)} was sent`;
        if (transaction === undefined) this.#say("repeated", `${story} outside a transaction`);
        else if (this.#reading.transactions.get(transaction)?.isCommitted) {
          this.#say("repeated", `${story}, and a COMMIT after it`);
        }
      }
    }
  }

  /** Whether a transaction with an unknown outcome left all its writes or none. */
  #judgeWhole(transaction: Deed): void {
    if (this.#model.topOf(transaction) !== undefined) return;
    if (!this.#model.isUncertain(transaction)) return;
    const parts = this.#model.history.filter((deed) =>
      isWrite(deed) && this.#model.topOf(deed) === transaction &&
      this.#model.fateWithin(deed).min === 1
    );
    const there = parts.filter(({ id }) => this.#counts.has(id));
    if (there.length === 0 || there.length === parts.length) return;
    const story = `Of ${nameOfDeed(transaction)}, whose end is unknown,`;
    this.#say("torn", `${story} ${there.length} of ${parts.length} writes are there`);
  }

  /** Whether a session shows no state of another unit, and has the right database. */
  #judgeLook(deed: Deed): void {
    const { look } = deed;
    if (look === undefined) return;
    const unit = this.#model.unitOf(deed);
    const own = ownerOf(unit.id);
    const mayHave = (what: string): boolean =>
      this.#model.history.some(({ kind, step, ...other }) =>
        kind === "state" && step.kind === "state" && step.what === what &&
        this.#model.unitOf({ kind, step, ...other }) === unit
      );
    const story = `${nameOfDeed(deed)} of ${own} saw ${JSON.stringify(look)}`;
    const isOwn = look.owner === null || look.owner === own;
    const isFlagOwn = look.flag === null || look.flag === "none" || look.flag === own;
    const isIsolationOwn = look.isolation === this.#view.isolation || mayHave("isolation");
    if (!isOwn || !isFlagOwn || !isIsolationOwn) this.#say("smuggled", story);
    this.#judgeDatabase(deed, look.current, mayHave("database"));
  }

  #judgeDatabase(deed: Deed, current: string | null, mayHaveUsed: boolean): void {
    if (mayHaveUsed) return;
    const unit = this.#model.unitOf(deed);
    const at = this.#model.attemptOf(deed);
    const home = this.#program.virtuals[deed.on]?.database ?? 0;
    const isBound = at?.step.kind === "unit" && (at.step.bind?.includes(deed.on) ?? false);
    const expected = this.#view.databases[isBound ? 1 - home : home];
    if (current === expected) return;
    const story = `${nameOfDeed(deed)} of ${ownerOf(unit.id)} ran in ${current}, not ${expected}`;
    this.#say("astray", story);
  }

  #judgeRows(): void {
    for (const { deed: id, current, home } of this.#view.rows) {
      const deed = this.#model.history[id];
      if (deed === undefined || !isWrite(deed)) {
        this.#say("stayed", `There is a row of ${id}, which writes nothing`);
        continue;
      }
      const hasUsed = this.#model.history.some((other) =>
        other.kind === "state" && other.step.kind === "state" && other.step.what === "database" &&
        this.#model.unitOf(other) === this.#model.unitOf(deed)
      );
      this.#judgeDatabase(deed, current, hasUsed);
      if (current !== home) {
        this.#say("astray", `${nameOfDeed(deed)} ran in ${current} and wrote to ${home}`);
      }
    }
  }

  /** Whether each statement ran in the transaction of its code, and in no other. */
  #judgePlaces(): void {
    const homes = new Map<number, Deed>();
    const servers = new Map<Deed, number>();
    for (const [id, places] of this.#reading.places) {
      const deed = this.#model.history[id];
      if (deed === undefined) continue;
      const top = this.#model.topOf(deed);
      for (const { transaction } of places) {
        const where = transaction === undefined
          ? "outside of any transaction"
          : `in the transaction of ${this.#reading.transactions.get(transaction)?.deeds}`;
        const story = `${nameOfDeed(deed)} was run ${where}`;
        if ((transaction === undefined) !== (top === undefined)) this.#say("misplaced", story);
        if (transaction === undefined || top === undefined) continue;
        const isHome = (homes.get(transaction) ?? top) === top;
        const isWhole = (servers.get(top) ?? transaction) === transaction;
        if (!isHome || !isWhole) this.#say("misplaced", `${story}, not with ${nameOfDeed(top)}`);
        homes.set(transaction, top);
        servers.set(top, transaction);
      }
    }
  }

  #judgeRest(): void {
    const { left, peak } = this.#view;
    for (const [name, count] of Object.entries(left)) {
      if (count > 0) this.#say("left", `${count} ${name} left at the end`);
    }
    const { limit, lifespan } = this.#program;
    // With lifespan "unit", each unit may have as many connections as the limit.
    if (lifespan !== "unit" && peak > limit + 1) {
      this.#say("crowded", `${peak} connections where ${limit} are allowed`);
    }
  }

  #say(rule: Rule, story: string): void {
    this.#breaches.push({ rule, story });
  }
}

function isWrite({ kind, step }: Deed): boolean {
  return kind === "statement" && step.kind === "statement" && step.what === "write";
}

function leavesCode(step: { readonly kind: string; readonly mode?: string }): boolean {
  return step.kind === "parallel" && step.mode !== "settled";
}

/** Returns a description of a deed for people. */
export function nameOfDeed({ id, kind, step, on }: Deed): string {
  const what = "what" in step ? ` ${step.what}` : "";
  return `${kind}${what} ${id} on ${"abcdefgh"[on]}`;
}
