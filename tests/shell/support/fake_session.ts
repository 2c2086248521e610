/** A session with the fake server. */

import type {
  Answering,
  Cancellation,
  Condition,
  Loss,
  Session,
  Statement,
  StatementFacts,
} from "../../../src/port/session.ts";
import type { FakeConnector } from "./fake_connector.ts";
import {
  DEADLOCK,
  factsOfText,
  FakeServerError,
  type FakeTarget,
  LOST,
  type Seen,
} from "./fake_server.ts";

/** The driver's connection: an object that has only the thread id. */
export interface FakeDriver {
  readonly threadId: number;
}

/** A session with the fake server. */
export class FakeSession implements Session {
  readonly driver: FakeDriver;
  readonly threadId: number;
  isAlive = true;
  isClosed = false;
  isInTransaction = false;
  isPinned = false;
  resultInfoCount = 0;
  clearingCount = 0;
  permanentCount = 0;
  readonly unprovenReads: Map<string, number> = new Map();
  idCount = 0;
  transaction = 0;
  transactionEndedBy: string | undefined;
  isRef = true;
  /** The error with which its next statement fails. */
  failNext: Error | undefined;
  /** A statement that begins with this text waits for {@linkcode answer}. */
  hangsOn = "HANG";
  /** How often the pool has reset it. */
  resets = 0;
  /** How often the pool has checked it. */
  checks = 0;
  /** The names of the savepoints of its transaction. */
  readonly savepoints: string[] = [];
  readonly #connector: FakeConnector;
  readonly #lost: (loss: Loss) => void;
  readonly #ended: PromiseWithResolvers<never> = Promise.withResolvers();
  #target: FakeTarget;
  #isDirty = false;
  #hasWritten = false;
  #transactions = 0;
  #running = 0;
  #last: Promise<unknown> = Promise.resolve();
  #answer: PromiseWithResolvers<void> | undefined;

  constructor(
    connector: FakeConnector,
    threadId: number,
    target: FakeTarget,
    lost: (loss: Loss) => void,
  ) {
    this.#connector = connector;
    this.#target = target;
    this.#lost = lost;
    this.threadId = threadId;
    this.driver = { threadId };
    this.#ended.promise.catch(() => undefined);
  }

  get database(): string {
    return this.#target.database;
  }

  get condition(): Condition {
    if (!this.isAlive || this.#running > 0) return "broken";
    const isDirty = this.#isDirty || this.isPinned || this.unprovenReads.size > 0;
    return isDirty || this.isInTransaction ? "dirty" : "clean";
  }

  /** Lets the statement that waits go on. */
  answer(): void {
    this.#answer?.resolve();
  }

  /** Makes the session busy, as by a command that the pool did not send. */
  keepBusy(): void {
    this.#running++;
  }

  send(statement: Statement, answering: Answering): void {
    this.#running++;
    const turn = this.#last.then(() => this.#serve(statement));
    this.#last = turn.then(() => undefined, () => undefined);
    Promise.race([turn, this.#ended.promise]).finally(() => this.#running--).then(
      ([rows, fields]) => answering.done(rows, fields),
      (error: unknown) => answering.failed(error),
    );
  }

  run(statement: Statement, signal: Cancellation | undefined): Promise<[unknown, unknown]> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        reject(signal?.reason);
        this.cancelStatement(signal?.reason);
      };
      const end = (): void => signal?.removeEventListener("abort", abort);
      signal?.addEventListener("abort", abort);
      this.send(statement, {
        done: (rows, fields) => {
          end();
          resolve([rows, fields]);
        },
        failed: (error) => {
          end();
          reject(error);
        },
      });
    });
  }

  cancelStatement(reason: unknown): void {
    this.destroy(reason as Error);
  }

  factsOf({ sql }: Statement): StatementFacts {
    return factsOfText(sql);
  }

  lend(): FakeDriver {
    return this.driver;
  }

  /** Destroys the session if it runs a statement. */
  cancelAll(reason: unknown): void {
    if (this.#running > 0) this.destroy(reason as Error);
  }

  check(): Promise<void> {
    this.checks++;
    const { checkFailure } = this.#connector;
    if (!this.isAlive) return Promise.reject(new Error("It has ended"));
    return checkFailure === undefined ? Promise.resolve() : Promise.reject(checkFailure);
  }

  async proveReads(
    reads: ReadonlyMap<string, number>,
    signal: Cancellation | undefined,
  ): Promise<boolean> {
    const sql = `PROVE ${this.database}`;
    await this.run({ sql, values: undefined, isPrepared: false, options: undefined }, signal);
    return !reads.has("writing");
  }

  async reset(): Promise<undefined> {
    this.resets++;
    this.unprovenReads.clear();
    this.isInTransaction = false;
    this.isPinned = false;
    this.#isDirty = false;
    const { resetFailure, resetGate } = this.#connector;
    await resetGate;
    if (resetFailure !== undefined) throw resetFailure;
  }

  async retarget(target: FakeTarget): Promise<void> {
    this.#target = target;
    await this.reset();
  }

  setRef(isRef: boolean): void {
    this.isRef = isRef;
  }

  async close(): Promise<void> {
    await this.#connector.storage?.run(undefined, () => Promise.resolve());
    await this.#connector.closeGate;
    this.isAlive = false;
    this.isClosed = true;
  }

  destroy(reason: Error): void {
    this.isAlive = false;
    this.isClosed = true;
    this.#ended.reject(reason);
  }

  /** Ends the session from the server's side; tells the pool only if `isNoticed`. */
  kill(isNoticed = true): void {
    const cause = new FakeServerError(LOST, "Connection lost");
    this.isAlive = false;
    this.#ended.reject(cause);
    if (isNoticed) this.#lost({ byServer: true, cause });
  }

  async #serve(statement: Statement): Promise<[unknown, unknown]> {
    const { sql, values } = statement;
    this.#connector.log.push(`${this.threadId}: ${sql}`);
    const { isReadOnly } = this.factsOf(statement);
    if (!isReadOnly && sql !== "COMMIT") this.clearingCount++;
    const isPermanent = sql === "COMMIT" ? this.#hasWritten : !this.isInTransaction;
    if (isPermanent && !isReadOnly) this.permanentCount++;
    if (!isReadOnly) this.#hasWritten = true;
    if (sql.startsWith(this.hangsOn)) {
      this.#answer = Promise.withResolvers();
      await this.#answer.promise;
    }
    if (this.failNext !== undefined) {
      const failure = this.failNext;
      this.failNext = undefined;
      throw failure;
    }
    const isOutside = !this.isInTransaction;
    try {
      this.#obey(sql);
    } catch (error) {
      if (isOutside && sql === `FAIL ${DEADLOCK}`) this.permanentCount--;
      throw error;
    } finally {
      this.#follow(sql);
    }
    if (sql.startsWith("INSERT")) this.idCount++;
    if (sql.startsWith("RESULT_INFO")) this.resultInfoCount++;
    if (sql.startsWith("SELECT view ")) this.unprovenReads.set(sql.slice("SELECT view ".length), 0);
    const { threadId, database, isInTransaction: inTransaction } = this;
    return [[{ threadId, database, sql, values, inTransaction } satisfies Seen], []];
  }

  /** Updates the number of the open transaction, and the statement that ended the last one. */
  #follow(sql: string): void {
    if (!this.isInTransaction) {
      if (this.transaction !== 0) this.transactionEndedBy = sql;
      this.transaction = 0;
    } else if (/^(?:START TRANSACTION|BEGIN|CALL begins)/.test(sql) || this.transaction === 0) {
      if (this.transaction !== 0) this.transactionEndedBy = sql;
      this.transaction = ++this.#transactions;
      this.#hasWritten = false;
    }
  }

  #obey(sql: string): void {
    if (sql.startsWith("START TRANSACTION") || sql === "BEGIN") {
      this.isInTransaction = true;
      this.savepoints.length = 0;
    } else if (/^(?:COMMIT$|ROLLBACK$|ALTER|CALL commits)/.test(sql)) {
      this.isInTransaction = false;
    } else if (sql.startsWith("SAVEPOINT ")) {
      this.savepoints.push(sql.slice(10));
    } else if (sql.startsWith("RELEASE SAVEPOINT ")) {
      this.#leaveSavepoint(sql.slice(18), false);
    } else if (sql.startsWith("ROLLBACK TO SAVEPOINT ")) {
      this.#leaveSavepoint(sql.slice(22), true);
    } else if (sql.startsWith("SET @")) {
      this.isPinned = true;
    } else if (sql.startsWith("SET ")) {
      this.#isDirty = true;
    } else if (sql.startsWith("FAIL ")) {
      const errno = Number(sql.slice(5));
      if (errno === DEADLOCK) this.isInTransaction = false;
      throw new FakeServerError(errno, `The server failed with ${errno}`);
    }
  }

  #leaveSavepoint(name: string, isKept: boolean): void {
    const index = this.isInTransaction ? this.savepoints.lastIndexOf(name) : -1;
    if (index < 0) throw new FakeServerError(1305, `SAVEPOINT ${name} does not exist`);
    this.savepoints.length = isKept ? index + 1 : index;
  }
}
