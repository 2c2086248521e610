/**
 * Statements that are run through a virtual connection.
 *
 * Outside any unit of work a statement takes the short way: it asks for a lease, runs, and
 * releases. Within one it joins the lease that its unit has through the virtual connection.
 */

import type { Holding, VirtualId } from "../core/mod.ts";
import type { Statement } from "../port.ts";
import { either } from "./cancellation.ts";
import { type Claim, slotOf } from "./claim.ts";
import { type Frame, scopeOf } from "./context.ts";
import { SubletError } from "./errors.ts";
import { runHeld } from "./held_run.ts";
import { granted } from "./lease_wait.ts";
import type { Home, Parts } from "./parts.ts";
import type { Realms } from "./realms.ts";
import { checkLasts, checkReadsOwn } from "./refusals.ts";
import { type Asked, limitsOf, restack, runOptionsOf, statementOf } from "./statement.ts";
import { runUnit } from "./unit_run.ts";
import { type Limits, runWithin } from "./wait.ts";

/** Runs a statement where its code stands: in its unit of work, or as one of its own. */
export async function runStatement<Target, Driver>(
  realms: Realms<Target, Driver>,
  id: VirtualId,
  { sql, values, isPrepared, options, bind }: Asked,
): Promise<[unknown, unknown]> {
  let claim: Claim<Target, Driver> | undefined;
  try {
    const { clock, frames, arePerUnit } = realms;
    const statement = statementOf(sql, bind === undefined ? values : bind(values), isPrepared);
    const limits = limitsOf(runOptionsOf(sql, options), clock);
    const frame = frames.getStore();
    if (frame !== undefined) return await join(frame, id, statement, limits, false);
    if (arePerUnit) {
      return await runUnit(realms, () => join(frames.getStore()!, id, statement, limits, true), {});
    }
    const parts = realms.here();
    const { interpreter, patience } = parts;
    claim = request(parts, id, limits);
    if (claim.status !== "granted") await granted(interpreter, patience, claim, limits);
    const { session } = slotOf(claim);
    const facts = session.factsOf(statement);
    checkLasts(facts);
    checkReadsOwn(facts, session, undefined);
    const answer = await runWithin(interpreter, session, statement, limits);
    if (!facts.isReadOnly && session.isInTransaction) throw leftOpen();
    return answer;
  } catch (error) {
    throw restack(error, runStatement);
  } finally {
    if (claim?.slot !== undefined) {
      realms.here().interpreter.release(claim, claim.slot.session.condition);
    }
  }
}

/** Requests the lease of a statement that is a unit of work of its own. */
function request<Target, Driver>(
  { admission, interpreter, homes }: Parts<Target, Driver>,
  id: VirtualId,
  { signal }: Limits,
): Claim<Target, Driver> {
  admission.check();
  signal?.throwIfAborted();
  return interpreter.request(id, homes[id]!.target, NONE, admission);
}

/** Runs a statement on the lease that its unit has, or asks for. */
function join<Target, Driver>(
  frame: Frame<Target, Driver>,
  id: VirtualId,
  statement: Statement,
  limits: Limits,
  isAlone: boolean,
): Promise<[unknown, unknown]> {
  const { homes, leaks, interpreter } = frame.unit.parts;
  const home = homes[id] as Home<Target>;
  const stack = leaks.stackAbove(runStatement);
  const within = { signal: either(frame.signal, limits.signal), endsAt: limits.endsAt };
  const held = frame.unit.heldFor(frame, home);
  const scope = scopeOf(frame, home);
  return runHeld(interpreter, held, { statement, scope, frame, limits: within, stack, isAlone });
}

/** Returns the error of a statement whose transaction the wiping of its session rolls back. */
function leftOpen(): SubletError {
  const prose = "The statement has left a transaction open, outside of any unit of work: the " +
    "pool rolls it back. Run it in one `unit` with its COMMIT, or use `transaction`";
  return new SubletError("TRANSACTION_OPEN", "statement", prose);
}

const NONE: readonly Holding[] = [];
