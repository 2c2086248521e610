/** The judge of random programs finds every broken rule. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fresh,
  historyOf,
  read,
  received,
  row,
  rulesOf,
  sent,
  transaction,
  unit,
  write,
} from "./forge.ts";
import type { ProgramStep } from "./program.ts";

const alone = historyOf({ kind: "statement", step: write });
const inTransaction = historyOf(
  { kind: "transaction", step: transaction },
  { kind: "statement", step: write, parent: 0 },
);
const committed = received(7, "START TRANSACTION", sent(1), "COMMIT");
const mine = { code: "THROWN", message: "mine" };
const rejected = { outcome: "rejected", rejection: mine, hasThrown: true } as const;

test("the judge finds nothing in a correct history", () => {
  assert.deepEqual(rulesOf(alone, { rows: [row(0)], commands: received(7, sent(0)) }), []);
  assert.deepEqual(rulesOf(inTransaction, { rows: [row(1)], commands: committed }), []);
});

test("a fulfilled write without a row is lost", () => {
  assert.deepEqual(rulesOf(alone, { commands: received(7, sent(0)) }), ["lost"]);
  assert.deepEqual(rulesOf(inTransaction, { commands: committed }), ["lost"]);
});

test("a write with two rows is doubled", () => {
  const rows = [row(0), row(0)];
  assert.deepEqual(rulesOf(alone, { rows, commands: received(7, sent(0)) }), ["doubled"]);
});

test("a write that was rolled back or refused but has a row has stayed", () => {
  const thrown = historyOf({ kind: "transaction", step: transaction, ...rejected }, {
    kind: "statement",
    step: write,
    parent: 0,
  });
  assert.deepEqual(rulesOf(thrown, { rows: [row(1)], commands: committed }), ["stayed"]);
  const savepoint = historyOf(
    { kind: "transaction", step: transaction },
    { kind: "transaction", step: transaction, parent: 0, ...rejected },
    { kind: "statement", step: write, parent: 1 },
  );
  const commands = received(7, "START TRANSACTION", sent(2), "COMMIT");
  assert.deepEqual(rulesOf(savepoint, { rows: [row(2)], commands }), ["stayed"]);
  assert.deepEqual(rulesOf(savepoint, { commands }), []);
  const refused = historyOf({
    kind: "statement",
    step: write,
    outcome: "rejected",
    rejection: { code: "LEASE_TIMEOUT", message: "" },
  });
  const crowd: ProgramStep[] = Array.from({ length: 3 }, () => write);
  const body: ProgramStep[] = [{
    kind: "parallel",
    mode: "all",
    branches: crowd.map((one) => [one]),
  }];
  assert.deepEqual(rulesOf(refused, { rows: [row(0)] }, { body }), ["stayed"]);
});

test("a transaction with an unknown outcome and some of its rows is torn", () => {
  const unknown = historyOf(
    {
      kind: "transaction",
      step: transaction,
      outcome: "rejected",
      rejection: { code: "COMMIT_UNKNOWN", message: "" },
    },
    { kind: "statement", step: write, parent: 0 },
    { kind: "statement", step: write, parent: 0 },
  );
  const commands = received(7, "START TRANSACTION", sent(1), sent(2), "COMMIT");
  const body: ProgramStep[] = [transaction, { kind: "kill", which: 0 }];
  assert.deepEqual(rulesOf(unknown, { rows: [row(1)], commands }, { body }), ["torn"]);
  assert.deepEqual(rulesOf(unknown, { rows: [], commands }, { body }), []);
  assert.deepEqual(rulesOf(unknown, { rows: [row(1), row(2)], commands }, { body }), []);
});

test("a unit that is repeated after a write outside a transaction breaks the rule", () => {
  const repeated = historyOf(
    { kind: "unit", step: unit },
    { kind: "attempt", step: unit, parent: 0, hasThrown: true },
    { kind: "statement", step: write, parent: 1 },
    { kind: "attempt", step: unit, parent: 0 },
  );
  const commands = received(7, sent(2));
  assert.deepEqual(rulesOf(repeated, { commands }), ["repeated"]);
  assert.deepEqual(rulesOf(repeated, { commands, rows: [row(2)] }), ["repeated", "stayed"]);
});

test("a unit that is repeated after its own COMMIT breaks the rule", () => {
  const repeated = historyOf(
    { kind: "unit", step: unit },
    { kind: "attempt", step: unit, parent: 0, hasThrown: true },
    { kind: "transaction", step: transaction, parent: 1, ...rejected },
    { kind: "statement", step: write, parent: 2 },
    { kind: "attempt", step: unit, parent: 0 },
  );
  const begun = ["START TRANSACTION", sent(3)];
  assert.deepEqual(rulesOf(repeated, { commands: received(7, ...begun, "COMMIT") }), ["repeated"]);
  assert.deepEqual(rulesOf(repeated, { commands: received(7, ...begun, "ROLLBACK") }), []);
});

test("a statement in the transaction of a sibling, or not in its own, is misplaced", () => {
  const sibling = historyOf(
    { kind: "unit", step: unit },
    { kind: "attempt", step: unit, parent: 0 },
    { kind: "transaction", step: transaction, parent: 1 },
    { kind: "statement", step: write, parent: 2 },
    { kind: "statement", step: write, parent: 1 },
  );
  const rows = [row(3), row(4)];
  const together = received(7, "START TRANSACTION", sent(3), sent(4), "COMMIT");
  assert.deepEqual(rulesOf(sibling, { rows, commands: together }), ["misplaced"]);
  const apart = [...received(7, "START TRANSACTION", sent(3)), ...received(8, sent(4))];
  assert.deepEqual(rulesOf(sibling, { rows, commands: apart }), []);
  const outside = received(7, sent(3), sent(4));
  assert.deepEqual(rulesOf(sibling, { rows, commands: outside }), ["misplaced"]);
});

test("a lease belongs to the handle that took it, not to the code that asked", () => {
  const lease: ProgramStep = {
    kind: "lease",
    on: 0,
    by: "outside",
    separate: true,
    hand: "commit",
    body: [],
  };
  const byLease: ProgramStep = { kind: "statement", on: 0, what: "write", by: "lease" };
  const hand = historyOf(
    { kind: "unit", step: unit },
    { kind: "attempt", step: unit, parent: 0 },
    { kind: "transaction", step: unit, parent: 1, isImplicit: true },
    { kind: "lease", step: lease, parent: 2 },
    { kind: "hand", step: lease, parent: 3, isThrough: true },
    { kind: "statement", step: byLease, parent: 4, isThrough: true },
    { kind: "statement", step: write, parent: 4 },
  );
  const rows = [row(5), row(6)];
  const apart = [
    ...received(7, "START TRANSACTION", sent(6), "COMMIT"),
    ...received(8, "START TRANSACTION", sent(5), "COMMIT"),
  ];
  assert.deepEqual(rulesOf(hand, { rows, commands: apart }), []);
  const together = received(7, "START TRANSACTION", sent(6), sent(5), "COMMIT");
  assert.deepEqual(rulesOf(hand, { rows, commands: together }), ["misplaced"]);
});

test("two transactions merged into one, and one split in two, are misplaced", () => {
  const two = historyOf(
    { kind: "transaction", step: transaction },
    { kind: "statement", step: write, parent: 0 },
    { kind: "transaction", step: transaction },
    { kind: "statement", step: write, parent: 2 },
  );
  const rows = [row(1), row(3)];
  const asOne = received(7, "START TRANSACTION", sent(1), sent(3), "COMMIT");
  assert.deepEqual(rulesOf(two, { rows, commands: asOne }), ["misplaced"]);
  const one = historyOf(
    { kind: "transaction", step: transaction },
    { kind: "statement", step: write, parent: 0 },
    { kind: "statement", step: write, parent: 0 },
  );
  const begin = "START TRANSACTION";
  const asTwo = received(7, begin, sent(1), "COMMIT", begin, sent(2), "COMMIT");
  assert.deepEqual(rulesOf(one, { rows: [row(1), row(2)], commands: asTwo }), ["misplaced"]);
});

test("session state of another unit is smuggled", () => {
  for (
    const change of [{ owner: "u9" }, { flag: "u9" }, { isolation: "READ-COMMITTED" }] as const
  ) {
    const look = { ...fresh, ...change };
    const history = historyOf({ kind: "statement", step: read, look });
    assert.deepEqual(rulesOf(history, {}), ["smuggled"], JSON.stringify(change));
  }
  const own = historyOf({ kind: "statement", step: read, look: { ...fresh, owner: "u0" } });
  assert.deepEqual(rulesOf(own, {}), []);
});

test("session state that its own unit does not see is forgotten", () => {
  const state: ProgramStep = { kind: "state", on: 0, what: "variable" };
  const around = [
    { kind: "unit", step: { kind: "unit", body: [state] } },
    { kind: "attempt", step: { kind: "unit", body: [state] }, parent: 0 },
  ] as const;
  const seen = (owner: string | null): ReturnType<typeof historyOf> =>
    historyOf(...around, { kind: "state", step: state, parent: 1, look: { ...fresh, owner } });
  assert.deepEqual(rulesOf(seen(null), {}), ["forgotten"]);
  assert.deepEqual(rulesOf(seen("u1"), {}), []);
});

test("a statement in another database than its unit's is astray", () => {
  const commands = received(7, sent(0));
  const away = { ...row(0), current: "two", home: "two" };
  assert.deepEqual(rulesOf(alone, { rows: [away], commands }), ["astray"]);
  const split = { ...row(0), home: "two" };
  assert.deepEqual(rulesOf(alone, { rows: [split], commands }), ["astray"]);
  const look = { ...fresh, current: "two" };
  assert.deepEqual(rulesOf(historyOf({ kind: "statement", step: read, look }), {}), ["astray"]);
});

test("a statement that runs after the end of its transaction is late", () => {
  const late = historyOf(
    { kind: "transaction", step: transaction, settled: 5 },
    { kind: "statement", step: write, parent: 0, asked: 6 },
  );
  assert.deepEqual(rulesOf(late, { rows: [row(1)], commands: committed }), ["late"]);
  const refused = historyOf(
    { kind: "transaction", step: transaction, settled: 5 },
    {
      kind: "statement",
      step: write,
      parent: 0,
      asked: 6,
      outcome: "rejected",
      rejection: { code: "LEASE_ENDED", message: "" },
    },
  );
  assert.deepEqual(rulesOf(refused, {}), []);
});

test("a deed that never settles is unsettled", () => {
  const pending = historyOf({ kind: "statement", step: write, outcome: "pending" });
  assert.deepEqual(rulesOf(pending, {}), ["unsettled"]);
});

test("a rejection without a reason is unexplained", () => {
  const codes = ["ABORTED", "CONNECTION_LOST", "LEASE_ENDED", "LEASE_TIMEOUT", "TypeError"];
  for (const code of codes) {
    const rejection = { code, message: "" };
    const history = historyOf({ kind: "statement", step: read, outcome: "rejected", rejection });
    assert.deepEqual(rulesOf(history, {}), ["unexplained"], code);
  }
});

test("a stream without all of its rows is cut", () => {
  const step: ProgramStep = { kind: "stream", on: 0, rows: 100 };
  assert.deepEqual(rulesOf(historyOf({ kind: "stream", step, rows: 99 }), {}), ["cut"]);
  assert.deepEqual(rulesOf(historyOf({ kind: "stream", step, rows: 100 }), {}), []);
});

test("the judge finds what is left at the end, and a connection too many", () => {
  const view = { rows: [row(0)], commands: received(7, sent(0)) };
  assert.deepEqual(rulesOf(alone, { ...view, left: { transactions: 1 } }), ["left"]);
  assert.deepEqual(rulesOf(alone, { ...view, peak: 4 }), ["crowded"]);
  assert.deepEqual(rulesOf(alone, { ...view, peak: 3 }), []);
});
