/**
 * A lease in the hands of its user, who must release it.
 *
 * Nothing of the pool leads to the object itself, so that one which was forgotten can be
 * collected as garbage. What it held is then closed, not lent again: somebody may still have
 * the driver's connection.
 */

import { SubletError } from "./errors.ts";
import { checkScope, type Held } from "./held.ts";
import type { Home, Parts } from "./parts.ts";
import {
  limitsOf,
  restack,
  type RunOptions,
  runOptionsOf,
  statementOf,
  type StatementOptions,
} from "./statement.ts";
import { type Frame, scopeOf, Unit } from "./unit.ts";
import { either, type Limits } from "./wait.ts";

/** The exclusive right to one actual connection, until it is released or its unit of work ends. */
export class Lease<Target, Driver> implements AsyncDisposable {
  readonly #parts: Parts<Target, Driver>;
  readonly #held: Held<Target, Driver>;
  readonly #end: () => void;
  #isReleased = false;

  /** Creates a lease of what is held; `end` ends its hold. */
  constructor(parts: Parts<Target, Driver>, held: Held<Target, Driver>, end: () => void) {
    this.#parts = parts;
    this.#held = held;
    this.#end = end;
  }

  /**
   * The driver's genuine connection, which must not be used after the release.
   *
   * Throws a `SubletError`: `LEASE_ENDED`, `LEASE_FOREIGN`, `CONNECTION_LOST`.
   */
  get connection(): Driver {
    this.#check();
    return this.#held.session.driver;
  }

  /** The server's name for it, as CONNECTION_ID() says it; throws as {@linkcode connection}. */
  get threadId(): number {
    this.#check();
    return this.#held.session.threadId;
  }

  /** Sends a statement as text, as `VirtualConnection.query` does, on this connection. */
  query<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: unknown,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#run(sql, values, false, options) as Promise<[Rows, Field[]]>;
  }

  /** Prepares and executes a statement, as `VirtualConnection.execute` does, on this connection. */
  execute<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: unknown,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#run(sql, values, true, options) as Promise<[Rows, Field[]]>;
  }

  /**
   * Gives the connection back, once the statements that run through the lease have ended; a
   * second time nothing happens. If something else is still under way in it, it is closed.
   */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#parts.leaks.unregister(this);
    this.#end();
  }

  /** Gives the connection back, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  async #run(
    sql: string | StatementOptions,
    values: unknown,
    isPrepared: boolean,
    options: RunOptions | undefined,
  ): Promise<[unknown, unknown]> {
    try {
      this.#check();
      const { frames, interpreter } = this.#parts;
      const frame = frames.getStore();
      const scope = scopeOf(frame, this.#held.home);
      const statement = statementOf(sql, values, isPrepared);
      const limits = limitsOf(runOptionsOf(sql, options), interpreter.clock);
      const signal = either(frame?.signal, limits.signal);
      return await this.#held.run(statement, scope, frame, { ...limits, signal }, undefined);
    } catch (error) {
      throw restack(error, this.#run);
    }
  }

  #check(): void {
    if (this.#isReleased || this.#held.isEnded || this.#held.unit.isEnded) {
      throw new SubletError("LEASE_ENDED", "statement", "The lease has ended");
    }
    const frame = this.#parts.frames.getStore();
    if (frame !== undefined && frame.unit !== this.#held.unit) {
      const prose = "The lease belongs to another unit of work";
      throw new SubletError("LEASE_FOREIGN", "statement", prose);
    }
  }
}

/** A row, by the names of its columns. */
export type Row = Record<string, unknown>;

/** A column of a result; the driver tells more of it. */
export interface Field {
  /** Its name. */
  readonly name: string;
}

/** Takes a lease that its user must release; outside of any unit, it is a unit of its own. */
export async function takeLease<Target, Driver>(
  parts: Parts<Target, Driver>,
  home: Home<Target>,
  limits: Limits,
  stack: string | undefined,
): Promise<Lease<Target, Driver>> {
  const frame: Frame<Target, Driver> | undefined = parts.frames.getStore();
  const own = frame === undefined ? new Unit<Target, Driver>(parts, false) : undefined;
  const held = (frame?.unit ?? own as Unit<Target, Driver>).hold(home);
  const scope = scopeOf(frame, home);
  const end = (): void => {
    held.unkeep();
    own?.end();
  };
  held.keep();
  try {
    if (scope !== undefined) checkScope(scope);
    const signal = either(frame?.signal, limits.signal);
    signal?.throwIfAborted();
    const opening = held.open(frame, { signal, endsAt: limits.endsAt });
    if (opening !== undefined) await opening;
    held.unit.check();
    signal?.throwIfAborted();
  } catch (error) {
    end();
    throw error;
  }
  const lease = new Lease(parts, held, end);
  parts.leaks.register(lease, held.watch(stack), () => {
    held.breakOff();
    end();
  });
  return lease;
}
