/**
 * The bank: tellers who move money between accounts through one pool, all at once, and record the
 * outcome of each transfer.
 *
 * A transfer is one transaction, which writes its number into the ledger. The ledger accepts a
 * number twice, so that the audit can see a transfer that ran twice.
 */

import type { ResultSetHeader } from "mysql2";
import { createPool, type Pool } from "../../../mod.ts";
import { Chance } from "../../../examples/demo/chance.ts";

/** The options of a bank. */
export interface BankOptions {
  /** The database of its books. */
  readonly uri: string;
  /** The seed of what its tellers do. */
  readonly seed: number;
  /** How many accounts it has, numbered from 1. */
  readonly accounts: number;
  /** How much money there is in all of them. */
  readonly total: number;
  /** How many tellers there are. */
  readonly tellers: number;
  /** The maximum number of actual connections of its pool. */
  readonly connectionLimit: number;
  /** The number of the first transfer. */
  readonly firstNumber: number;
}

/** The outcomes that the tellers got. */
export interface BankReport {
  /** The transfers that succeeded. */
  readonly acknowledged: readonly number[];
  /** The transfers that rejected with COMMIT_UNKNOWN. */
  readonly unknown: readonly number[];
  /** The transfers that failed otherwise. */
  readonly refused: readonly number[];
  /** How often requests failed, by error code. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Observations that must never occur. */
  readonly complaints: readonly string[];
}

/** How a teller runs a transfer. */
type Manner = "repeatable" | "once" | "nested" | "withdrawn" | "aborted";

/** How long a teller pauses after a failure, in ms, so that a run of failures blocks nothing. */
const breathMs = 5;
/** How long a request waits for a connection, in ms. */
const acquireTimeout = 2_000;
/** How long a connect may take, in ms. */
const connectTimeout = 1_000;
/** After how long a teller aborts a transfer at most, in ms. */
const abortMsMax = 30;
/** How often the pool may repeat a repeatable transfer. */
const retries = 6;

/** The error of a teller who withdraws within the transaction. */
class Withdrawal extends Error {}

/** Tellers, and the pool they share. */
export class Bank {
  /** The pool. */
  readonly db: Pool<"main">;
  /** How many actual connections the pool has opened. */
  openedCount = 0;
  readonly #options: BankOptions;
  readonly #acknowledged: number[] = [];
  readonly #unknown: number[] = [];
  readonly #refused: number[] = [];
  readonly #reasons: Map<string, number> = new Map();
  readonly #complaints: Set<string> = new Set();
  readonly #underWay: Set<number> = new Set();
  #numberNext: number;
  #isOpen = true;
  #work: Promise<unknown> = Promise.resolve();
  #lull: Promise<void> | undefined;

  /** Opens a bank; its tellers do not work yet. */
  constructor(options: BankOptions) {
    const { uri, connectionLimit, firstNumber } = options;
    this.#options = options;
    this.#numberNext = firstNumber;
    this.db = createPool({ uri, connectionLimit, acquireTimeout, connectTimeout, shared: false });
    this.db.on("connection", () => this.openedCount++);
  }

  /** How many transfers have not settled. */
  get underWayCount(): number {
    return this.#underWay.size;
  }

  /** The outcomes that the tellers got so far. */
  get report(): BankReport {
    return {
      acknowledged: this.#acknowledged,
      unknown: this.#unknown,
      refused: this.#refused,
      reasons: Object.fromEntries(this.#reasons),
      complaints: [...this.#complaints],
    };
  }

  /** Starts the tellers. */
  work(): void {
    const { seed, tellers } = this.#options;
    const chance = new Chance(seed);
    this.#work = Promise.all(Array.from({ length: tellers }, () => this.#serve(chance.fork())));
  }

  /** Makes tellers wait for a promise before they begin anything new. */
  pauseFor(lull: Promise<void>): void {
    this.#lull = lull;
  }

  /** Stops the tellers; fulfilled when all have finished their work. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#work;
  }

  async #serve(chance: Chance): Promise<void> {
    while (this.#isOpen) {
      await this.#lull;
      const wasServed = chance.next() < 0.15 ? await this.#audit() : await this.#transfer(chance);
      if (!wasServed) await new Promise((resolve) => setTimeout(resolve, breathMs));
    }
  }

  /** Sums all accounts: the total must be right, and no session variable of others visible. */
  async #audit(): Promise<boolean> {
    try {
      const [[row]] = await this.db.query(
        "SELECT @teller AS teller, SUM(balance) AS total FROM accounts",
      );
      if (Number(row?.["total"]) !== this.#options.total) {
        this.#complain(`The total was ${row?.["total"]}`);
      }
      if (row?.["teller"] !== null) this.#complain("A variable of another unit was seen");
      return true;
    } catch (error) {
      this.#note(error);
      return false;
    }
  }

  /** Runs a transfer, and records its outcome; tells whether it succeeded. */
  async #transfer(chance: Chance): Promise<boolean> {
    const number = this.#numberNext++;
    const manner = mannerOf(chance);
    this.#underWay.add(number);
    try {
      await this.#carryOut(number, manner, chance);
      this.#acknowledged.push(number);
      return true;
    } catch (error) {
      if (codeOf(error) === "COMMIT_UNKNOWN") this.#unknown.push(number);
      else this.#refused.push(number);
      this.#note(error);
      return false;
    } finally {
      this.#underWay.delete(number);
    }
  }

  async #carryOut(number: number, manner: Manner, chance: Chance): Promise<void> {
    const { accounts } = this.#options;
    const [source, sink] = [chance.between(1, accounts), chance.between(1, accounts)];
    const amount = chance.between(1, 20);
    const move = (): Promise<void> => this.#move(number, source, sink, amount, manner);
    if (manner === "once") return await this.db.transaction(move);
    const signal = manner === "aborted"
      ? AbortSignal.timeout(chance.between(1, abortMsMax))
      : undefined;
    await this.db.unit(move, { transaction: "main", retries, signal });
  }

  /** Moves money within a transaction. */
  async #move(
    number: number,
    source: number,
    sink: number,
    amount: number,
    manner: Manner,
  ): Promise<void> {
    const { db } = this;
    if (manner === "nested") await this.#tryInVain(source);
    await db.execute("INSERT INTO ledger (number, source, sink, amount) VALUES (?, ?, ?, ?)", [
      number,
      source,
      sink,
      amount,
    ]);
    const [{ affectedRows }] = await db.execute<ResultSetHeader>(
      "UPDATE accounts SET balance = balance - ? WHERE id = ? AND balance >= ?",
      [amount, source, amount],
    );
    if (affectedRows !== 1) throw new Withdrawal("There is not enough in the account");
    await db.query("UPDATE accounts SET balance = balance + ? WHERE id = ?", [amount, sink]);
    if (manner === "withdrawn") throw new Withdrawal("The teller has changed their mind");
  }

  /** Takes money in a nested transaction, and rolls that back. */
  async #tryInVain(source: number): Promise<void> {
    try {
      await this.db.transaction(async () => {
        await this.db.query("SET @teller = ?", [source]);
        await this.db.query("UPDATE accounts SET balance = 0 WHERE id = ?", [source]);
        throw new Withdrawal("It was in vain");
      });
    } catch (error) {
      if (!(error instanceof Withdrawal)) throw error;
    }
  }

  #note(error: unknown): void {
    const code = codeOf(error);
    // Every error must have a code from which its receiver can tell what went wrong.
    if (code === undefined) this.#complain(String(error instanceof Error ? error.stack : error));
    const reason = code ?? "no code";
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  #complain(complaint: string): void {
    this.#complaints.add(complaint);
  }
}

function mannerOf(chance: Chance): Manner {
  const dice = chance.between(1, 100);
  if (dice <= 65) return "repeatable";
  if (dice <= 80) return "once";
  if (dice <= 87) return "nested";
  return dice <= 93 ? "withdrawn" : "aborted";
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof Withdrawal) return "withdrawn";
  if (!(error instanceof Error)) return undefined;
  if (error.name === "TimeoutError") return "aborted";
  const { code, errno } = error as { code?: string | number; errno?: number };
  return (code ?? errno)?.toString();
}
