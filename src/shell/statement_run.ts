/**
 * Runs statements through a virtual connection.
 *
 * Outside any unit of work, a statement takes the short path: it requests a lease, runs, and
 * releases the lease. Within a unit, it uses the lease that the unit has through the virtual
 * connection.
 */

import type { VirtualId } from "../core/mod.ts";
import type { Statement } from "../port/session.ts";
import { either } from "./cancellation.ts";
import { transactionOf } from "./context.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import type { Limits } from "./wait.ts";
import { type Asked, limitsOf, restack, runOptionsOf, statementOf } from "./statement.ts";
import { atCaller } from "./own_frames.ts";
import { StatementRequest, TracedRequest } from "./statement_request.ts";
import { isTraced, StatementTrace } from "./statement_trace.ts";
import type { Admission } from "./admission.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { UnitContext, UnitEngine } from "./unit.ts";
import { runUnit } from "./unit_run.ts";
import { runOnLease } from "./unit_statement.ts";

/** Runs a statement in the caller's unit of work or, outside any, in a unit of its own. */
export function runStatement(
  engine: UnitEngine,
  id: VirtualId,
  { sql, values, isPrepared, options, bind }: Asked,
): Promise<[unknown, unknown]> {
  try {
    const { clock, contexts, handle, isPerUnit } = engine;
    const statement = statementOf(sql, bind === undefined ? values : bind(values), isPrepared);
    const limits = limitsOf(runOptionsOf(sql, options), clock);
    const context = contexts.getStore();
    if (context !== undefined) return join(context, id, statement, limits, false);
    if (isPerUnit) {
      return runUnit(engine, (context) => join(context, id, statement, limits, true), {});
    }
    handle.check();
    limits.signal?.throwIfAborted();
    const runtime = engine.runtimeHere();
    if (isTraced(runtime.events)) return runTraced(runtime, handle, id, statement, limits);
    return new Promise((settle) => {
      new StatementRequest(runtime, handle, id, statement, settle).begin(limits);
    });
  } catch (error) {
    return Promise.reject(atCaller(restack(error, runStatement)));
  }
}

/** Runs a statement outside any unit of work, and traces it. */
function runTraced(
  runtime: PoolRuntime,
  handle: Admission,
  id: VirtualId,
  statement: Statement,
  limits: Limits,
): Promise<[unknown, unknown]> {
  const { events, interpreter } = runtime;
  const trace = new StatementTrace(events, interpreter.clock, interpreter.nameOf(id), statement);
  return new Promise((settle) => {
    const request = new TracedRequest(runtime, handle, id, statement, settle);
    request.trace = trace;
    trace.begin(() => request.begin(limits));
  });
}

/** Runs a statement on the lease of its unit, which requests one if it has none. */
function join(
  context: UnitContext,
  id: VirtualId,
  statement: Statement,
  limits: Limits,
  isAlone: boolean,
): Promise<[unknown, unknown]> {
  const { virtualConfigs, leaks } = context.unit.runtime;
  const virtualConfig = virtualConfigs[id] as VirtualConfig;
  const stack = leaks.stackAbove(runStatement);
  const { endsAt, timeoutMs } = limits;
  const within = { signal: either(context.signal, limits.signal), endsAt, timeoutMs };
  const unitLease = context.unit.leaseFor(context, virtualConfig);
  const transaction = transactionOf(context, id);
  return runOnLease(unitLease, { statement, transaction, context, limits: within, stack, isAlone });
}
