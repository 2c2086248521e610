/** Programs that once failed, or resemble such: every run begins with them. */

import type { Program, ProgramStep, StatementStep } from "./program.ts";

const virtuals = [{ database: 0 }, { database: 1 }, { database: 0 }] as const;
const a = 0;
const b = 1;
const c = 2;
const halt: ProgramStep = { kind: "throw" };
const deadlock: StatementStep = { kind: "statement", on: a, what: "deadlock", times: 1 };
const write = (on: number): StatementStep => ({ kind: "statement", on, what: "write" });
const read = (on: number): StatementStep => ({ kind: "statement", on, what: "read" });
const pause = (ms: number): ProgramStep => ({ kind: "pause", ms });
const stream: ProgramStep = { kind: "stream", on: a, rows: 20_000 };

function pool(limit: number, ...body: ProgramStep[]): Program {
  return { limit, virtuals, body };
}

function transaction(on: number, ...body: ProgramStep[]): ProgramStep {
  return { kind: "transaction", on, body };
}

function unit(options: { readonly retries?: number }, ...body: ProgramStep[]): ProgramStep {
  return { kind: "unit", ...options, body };
}

function beside(mode: "settled" | "first", ...branches: ProgramStep[][]): ProgramStep {
  return { kind: "parallel", mode, branches, catches: true };
}

/** The programs. */
export const known: readonly Program[] = [
  // A unit that deadlocks after its own write, or after a transaction.
  pool(1, unit({ retries: 1 }, write(a), deadlock)),
  pool(1, unit({ retries: 1 }, transaction(a, write(a)), transaction(a, deadlock))),
  // A statement beside a transaction that rolls back; with two connections, and with one.
  ...[2, 1].map((limit) =>
    pool(
      limit,
      unit({}, beside("settled", [transaction(a, pause(3), write(a), halt)], [pause(1), write(a)])),
    )
  ),
  // A stream whose connection is killed, or whose unit ends.
  pool(1, beside("settled", [stream], [pause(4), { kind: "kill", which: 0 }])),
  pool(2, unit({}, beside("first", [stream, write(a)], [pause(3)]))),
  // A lease in a savepoint that has to be its transaction's connection.
  pool(
    2,
    transaction(
      a,
      transaction(a, {
        kind: "lease",
        on: a,
        separate: "unlessInTransaction",
        body: [{ ...read(a), by: "lease" }],
      }),
    ),
  ),
  // A request gets the connection that its own unit releases for it, before it has queued.
  pool(10, transaction(b, write(a), read(c))),
  // Two savepoints, each waiting for the other to end.
  pool(
    10,
    transaction(
      a,
      transaction(
        b,
        beside("settled", [transaction(a, pause(5), read(b))], [transaction(b, pause(5), read(a))]),
      ),
    ),
  ),
];
