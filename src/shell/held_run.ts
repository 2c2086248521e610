/** How a statement runs on a lease of its unit: in its turn, and only if it is allowed there. */

import type { Statement } from "../port.ts";
import { type Frame, noteWrite } from "./context.ts";
import type { Held } from "./held.ts";
import type { Interpreter } from "./interpreter.ts";
import { checkKeepsTransaction, checkLasts, checkReadsOwn } from "./refusals.ts";
import type { Scope } from "./scope.ts";
import { type Limits, runWithin } from "./wait.ts";

/** A statement, and where its code stands. */
export interface HeldStatement<Target, Driver> {
  /** The statement. */
  readonly statement: Statement;
  /** The transaction that its code is in, on this lease. */
  readonly scope: Scope<Target, Driver> | undefined;
  /** What its code belongs to. */
  readonly frame: Frame<Target, Driver> | undefined;
  /** Until when it may take. */
  readonly limits: Limits;
  /** Who asked for it, if leases are watched. */
  readonly stack?: string | undefined;
  /** Whether its unit is made for it alone. */
  readonly isAlone?: boolean | undefined;
}

/** Runs a statement on a lease, which it asks for if need be. */
export async function runHeld<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  held: Held<Target, Driver>,
  asked: HeldStatement<Target, Driver>,
): Promise<[unknown, unknown]> {
  const { statement, scope, frame, limits, stack } = asked;
  const leave = held.use(stack);
  try {
    check(held, scope);
    for (let open = (scope ?? held).child; open !== undefined; open = (scope ?? held).child) {
      await held.untilFurther(open, frame, limits);
      check(held, scope);
    }
    const opening = held.open(frame, limits);
    if (opening !== undefined) await opening;
    held.unit.check();
    if (scope !== undefined) return await runIn(interpreter, held, scope, asked);
    checkAllowed(held, asked);
    return await runWithin(interpreter, held.session, statement, limits);
  } finally {
    leave();
  }
}

/** Runs a statement of a transaction, after those before it. */
async function runIn<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  held: Held<Target, Driver>,
  scope: Scope<Target, Driver>,
  asked: HeldStatement<Target, Driver>,
): Promise<[unknown, unknown]> {
  const { limits, statement } = asked;
  const turn = held.turns.take();
  try {
    await turn.come(interpreter, limits);
    held.unit.check();
    scope.checkOpen();
    if (scope.status === "ended" || scope.isRollingBack) scope.check();
    checkAllowed(held, asked);
    return await runWithin(interpreter, held.session, statement, limits);
  } catch (error) {
    if (scope.top.status === "open" && held.isAlive && !held.session.isInTransaction) {
      scope.top.rolledBack(error);
    }
    throw error;
  } finally {
    turn.end();
  }
}

function check<Target, Driver>(
  { unit }: Held<Target, Driver>,
  scope: Scope<Target, Driver> | undefined,
): void {
  unit.check();
  scope?.check();
}

function checkAllowed<Target, Driver>(
  held: Held<Target, Driver>,
  { statement, scope, frame, isAlone }: HeldStatement<Target, Driver>,
): void {
  const { session, before } = held;
  const facts = session.factsOf(statement);
  if (isAlone) checkLasts(facts);
  if (scope !== undefined && !scope.top.options.allowImplicitCommit) checkKeepsTransaction(facts);
  checkReadsOwn(facts, session, before);
  if (!facts.isReadOnly) noteWrite(frame, held.unit);
}
