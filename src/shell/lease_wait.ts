/**
 * Waits for a lease.
 *
 * Events of the core are handled within one call, so between a grant and the end of a wait
 * nothing can come: a claim is either withdrawn or granted, never both. Several may wait for
 * one claim; the last to give up takes it back.
 */

import type { Instant } from "../port.ts";
import type { Claim, Waiting } from "./claim.ts";
import type { Countdown } from "./countdown.ts";
import { type ErrorCode, SubletError, withoutStack } from "./errors.ts";
import type { Interpreter } from "./interpreter.ts";
import { type Limits, Wait } from "./wait.ts";

/** What gives up those who have waited for too long. */
export type Patience = Countdown<Waiting>;

/** Waits for the answer to a claim; rejects if it is refused, or takes too long. */
export function granted<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  patience: Patience,
  claim: Claim<Target, Driver>,
  limits: Limits,
): Promise<void> {
  if (claim.refusal !== undefined) return Promise.reject(refusalOf(interpreter, claim));
  return new LeaseWait(interpreter, patience, claim, limits).begin();
}

class LeaseWait<Target, Driver> extends Wait<Target, Driver> implements Waiting {
  readonly #patience: Patience;
  readonly #claim: Claim<Target, Driver>;
  readonly #since: Instant;

  constructor(
    interpreter: Interpreter<Target, Driver>,
    patience: Patience,
    claim: Claim<Target, Driver>,
    limits: Limits,
  ) {
    super(interpreter, limits);
    this.#patience = patience;
    this.#claim = claim;
    this.#since = interpreter.clock.now();
    patience.add(this, this.#since);
    (claim.waitings ??= new Set()).add(this);
  }

  answered(): void {
    if (this.#claim.refusal === undefined) this.done();
    else this.fail(refusalOf(this.interpreter, this.#claim));
  }

  override expire(): void {
    const { interpreter } = this;
    const { lastFailure } = interpreter;
    const waitMs = Math.round(interpreter.clock.now() - this.#since);
    const name = JSON.stringify(interpreter.nameOf(this.#claim.virtual));
    const own = this.#claim.asker?.describeOpen();
    const prose = `No actual connection was free for ${name} within ${waitMs} ms` +
      (own === undefined ? "" : `; ${own}`);
    const census = interpreter.census();
    const details = lastFailure === undefined ? { census } : { census, cause: lastFailure };
    this.fail(withoutStack(() => new SubletError("LEASE_TIMEOUT", "lease", prose, details)));
  }

  protected override takeBack(): void {
    this.#patience.delete(this);
    const { waitings, status } = this.#claim;
    waitings?.delete(this);
    if (status === "waiting" && waitings?.size === 0) this.interpreter.withdraw(this.#claim);
  }
}

const REFUSALS: Record<
  "connectFailed" | "deadlock" | "draining" | "lineFull",
  readonly [code: ErrorCode, prose: string]
> = {
  connectFailed: ["CONNECT_FAILED", "Cannot open an actual connection"],
  deadlock: [
    "LEASE_DEADLOCK",
    "Cannot lease another actual connection as all wait for one another",
  ],
  draining: ["POOL_DRAINING", "Cannot lease an actual connection as the pool is ending"],
  lineFull: ["LINE_FULL", "Cannot wait for an actual connection as the line is full"],
};

/** Returns the error that says why a claim was refused. */
function refusalOf<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  { virtual, refusal }: Claim<Target, Driver>,
): SubletError {
  const [code, prose] = REFUSALS[refusal?.reason ?? "draining"];
  const told = `${prose}, for ${JSON.stringify(interpreter.nameOf(virtual))}`;
  const stage = code === "CONNECT_FAILED" ? "connect" : "lease";
  const cause = refusal?.cause === undefined ? {} : { cause: refusal.cause };
  const details = { census: interpreter.census(), ...cause };
  return withoutStack(() => new SubletError(code, stage, told, details));
}
