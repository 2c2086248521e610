/** Waits of code for a transaction of its own unit that is open where it wants to work. */

import type { Instant } from "../port.ts";
import type { Waiting } from "./claim.ts";
import { SubletError } from "./errors.ts";
import type { Interpreter } from "./interpreter.ts";
import type { Patience } from "./lease_wait.ts";
import { type Limits, Wait } from "./wait.ts";

/** Waits until a transaction on a virtual connection is further; not longer than for a lease. */
export function untilFurther<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  patience: Patience,
  changed: Promise<void>,
  name: string,
  limits: Limits,
): Promise<void> {
  const wait = new TurnWait(interpreter, patience, name, limits);
  changed.then(() => wait.done());
  return wait.begin();
}

class TurnWait<Target, Driver> extends Wait<Target, Driver> implements Waiting {
  readonly #patience: Patience;
  readonly #name: string;
  readonly #since: Instant;

  constructor(
    interpreter: Interpreter<Target, Driver>,
    patience: Patience,
    name: string,
    limits: Limits,
  ) {
    super(interpreter, limits);
    this.#patience = patience;
    this.#name = name;
    this.#since = interpreter.clock.now();
    patience.add(this, this.#since);
  }

  answered(): void {
    this.done();
  }

  override expire(): void {
    const { interpreter } = this;
    const waitMs = Math.round(interpreter.clock.now() - this.#since);
    const prose = `Another transaction of its own unit, on ${JSON.stringify(this.#name)}, did ` +
      `not end within ${waitMs} ms: run the statement in that transaction, by its handle, or ` +
      "do not have the transaction wait for it";
    this.fail(new SubletError("LEASE_TIMEOUT", "lease", prose, { census: interpreter.census() }));
  }

  protected override takeBack(): void {
    this.#patience.delete(this);
  }
}
