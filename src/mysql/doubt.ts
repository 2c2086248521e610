/**
 * The question after an error that may have ended a transaction: an error comes without the
 * status flags, the answer to a ping has them. It is asked before anything else that waits to be
 * sent, so that nothing runs outside of the transaction that was meant to run in it.
 */

import type { DriverInternals } from "./mysql2_internals.ts";
import type { ServerError } from "./status.ts";

/** How long the answer may take. */
const askMsMax = 1000;

/** Classes of SQLSTATE of errors that end their statement and nothing else. */
const harmless: ReadonlySet<string> = new Set(["0A", "21", "22", "23", "25", "42", "45"]);

/** Tells whether an error may have ended the transaction of a statement that by itself cannot. */
export function isDoubtful({ sqlState }: ServerError): boolean {
  return !harmless.has(sqlState.slice(0, 2));
}

/** Asks a server what it has made of the transaction. */
export class Doubt {
  /** Whether the session is wiped next in any case, so that nobody has to know. */
  isNeedless: () => boolean = () => false;
  readonly #driver: DriverInternals;
  readonly #failed: (error: Error) => void;
  #isBeginning = false;
  #isAsking = false;
  #answered: Promise<void> | undefined;

  /** Asks on a connection; `failed` is called if it gives no answer in time. */
  constructor(driver: DriverInternals, failed: (error: Error) => void) {
    this.#driver = driver;
    this.#failed = failed;
  }

  /** Fulfilled when the server has answered or the connection has ended; undefined if not asked. */
  get answered(): Promise<void> | undefined {
    return this.#answered;
  }

  /** Whether the question is all that the connection has to do. */
  get isAlone(): boolean {
    return this.#isAsking && this.#driver._commands.length === 0;
  }

  /** Whether the command that is being added is the question, which goes before all others. */
  get isBeginning(): boolean {
    return this.#isBeginning;
  }

  /** Asks, right after the command that runs now. */
  raise(): void {
    if (this.isNeedless()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answered = promise;
    this.#isAsking = true;
    const late = `What became of a transaction was not answered within ${askMsMax} ms`;
    const fail = (message: string, cause?: unknown): void => {
      this.#failed(Object.assign(new Error(message, { cause }), { code: "ETIMEDOUT" }));
    };
    const timer = setTimeout(() => fail(late), askMsMax);
    this.#isBeginning = true;
    this.#driver.ping((error?: unknown) => {
      clearTimeout(timer);
      this.#isAsking = false;
      this.#answered = undefined;
      if (error) fail("What became of a transaction could not be asked", error);
      resolve();
    });
    this.#isBeginning = false;
  }
}
