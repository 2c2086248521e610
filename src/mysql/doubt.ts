/**
 * Sends a ping after an error that may have ended a transaction: an error comes without status
 * flags, the answer to a ping has them. The ping goes before all waiting commands, so that the pool
 * knows what became of the transaction before another statement of it runs.
 */

import type { DriverInternals } from "./mysql2_internals.ts";
import type { ServerError } from "./status.ts";

/** How long the server may take to answer the ping. */
const askMsMax = 1000;

/** SQLSTATE classes of errors that end their statement and nothing else. */
const harmless: ReadonlySet<string> = new Set(["0A", "21", "22", "23", "25", "42", "45"]);

/**
 * Tells whether an error may have ended the transaction although its statement by itself cannot.
 */
export function isDoubtful({ sqlState }: ServerError): boolean {
  return !harmless.has(sqlState.slice(0, 2));
}

/** Asks the server whether a transaction is still open. */
export class Doubt {
  /** Whether the pool wipes the session next anyway, so that the answer does not matter. */
  isNeedless: () => boolean = () => false;
  readonly #driver: DriverInternals;
  readonly #failed: (error: Error) => void;
  #isBeginning = false;
  #isAsking = false;
  #answered: Promise<void> | undefined;

  /** Asks on a connection; calls `failed` if the ping fails or is not answered in time. */
  constructor(driver: DriverInternals, failed: (error: Error) => void) {
    this.#driver = driver;
    this.#failed = failed;
  }

  /**
   * Fulfilled when the server has answered or the connection has ended; undefined if no ping runs.
   */
  get answered(): Promise<void> | undefined {
    return this.#answered;
  }

  /** Whether the ping is the only command of the connection. */
  get isAlone(): boolean {
    return this.#isAsking && this.#driver._commands.length === 0;
  }

  /** Whether the driver is adding the ping right now, which goes before all other commands. */
  get isBeginning(): boolean {
    return this.#isBeginning;
  }

  /** Sends the ping, right after the running command. */
  raise(): void {
    if (this.isNeedless()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answered = promise;
    this.#isAsking = true;
    const late = `The server did not report the state of the transaction within ${askMsMax} ms`;
    const fail = (message: string, cause?: unknown): void => {
      this.#failed(Object.assign(new Error(message, { cause }), { code: "ETIMEDOUT" }));
    };
    const timer = setTimeout(() => fail(late), askMsMax);
    this.#isBeginning = true;
    this.#driver.ping((error?: unknown) => {
      clearTimeout(timer);
      this.#isAsking = false;
      this.#answered = undefined;
      if (error) fail("The state of the transaction could not be checked", error);
      resolve();
    });
    this.#isBeginning = false;
  }
}
