/** The pool repeats a unit only if nothing of it is permanent, and reports a lost transaction. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLOCK, FakeServerError } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, type FakePool, refused, seen } from "./support/pool.ts";

const mine = new Error("mine");

/** Runs code with `run`, which is to fail; returns the error and how often the code ran. */
async function failing(
  run: (code: () => Promise<unknown>) => Promise<unknown>,
  code: () => Promise<unknown>,
): Promise<{ error: Error; runs: number }> {
  let runs = 0;
  const error: unknown = await run(() => {
    runs++;
    return code();
  }).then(() => undefined, (error) => error);
  assert.ok(error instanceof Error);
  return { error, runs };
}

const lasting: Record<string, (db: ReturnType<typeof createWorld>["db"]) => Promise<unknown>> = {
  "a statement that may have written": (db) => seen(db, "INSERT a"),
  "a transaction that was committed": (db) => db.transaction(() => seen(db, "INSERT a")),
  "a nested unit that has written": (db) => db.unit(() => seen(db, "INSERT a")),
  "a lease of its own that has written": async (db) => {
    await using lease = await db.lease({ separate: true });
    await seen(lease, "INSERT a");
  },
};

for (const [what, write] of Object.entries(lasting)) {
  test(`after ${what} the pool does not repeat a unit, and its error says why`, async () => {
    const world = createWorld();
    const { db } = world;
    const { error, runs } = await failing((code) => db.unit(code, { retries: 3 }), async () => {
      await write(db);
      await seen(db, `FAIL ${DEADLOCK}`);
    });
    assert.equal(runs, 1);
    assert.match(error.message, /not repeated, as something that it did/);
    assert.match(error.stack ?? "", /not repeated/);
    await endsEmpty(world);
  });
}

test("after a deadlock the pool repeats a unit that has only read or rolled back", async () => {
  const world = createWorld();
  const { db } = world;
  const { error, runs } = await failing((code) => db.unit(code, { retries: 2 }), async () => {
    await seen(db, "SELECT a");
    await db.transaction(() => seen(db, "SELECT b"));
    await assert.rejects(db.transaction(async () => {
      await seen(db, "INSERT a");
      throw mine;
    }));
    await seen(db, `FAIL ${DEADLOCK}`);
  });
  assert.equal(runs, 3);
  assert.ok(error instanceof FakeServerError);
  assert.doesNotMatch(error.message, /not repeated/);
  await endsEmpty(world);
});

const unproven: Record<string, (db: FakePool<"main">, view: string) => Promise<unknown>> = {
  "a read": (db, view) => seen(db, `SELECT view ${view}`),
  "a read in a nested unit": (db, view) => db.unit(() => seen(db, `SELECT view ${view}`)),
  "a read on a lease of its own": async (db, view) => {
    await using lease = await db.lease({ separate: true });
    await seen(lease, `SELECT view ${view}`);
  },
};

for (const [what, read] of Object.entries(unproven)) {
  test(`after ${what} of a view the pool repeats a unit only if the view only reads`, async () => {
    for (const [view, runsExpected, retries] of [["reading", 3, 2], ["writing", 1, 1]] as const) {
      const world = createWorld();
      const { db, connector } = world;
      const { error, runs } = await failing((code) => db.unit(code, { retries }), async () => {
        await read(db, view);
        await seen(db, `FAIL ${DEADLOCK}`);
      });
      assert.equal(runs, runsExpected);
      assert.ok(error instanceof FakeServerError);
      const saysWritten = error.message.includes("not repeated, as something that it did");
      assert.equal(saysWritten, view === "writing");
      const proofs = connector.log.filter((line) => line.includes(": PROVE")).length;
      assert.equal(proofs, view === "writing" ? 1 : 2);
      await endsEmpty(world);
    }
  });
}

test("the pool proves a read of another target on that target", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const { runs } = await failing((code) => db.unit(code, { retries: 2 }), async () => {
    await db.unit(() => seen(db, "SELECT view reading"), { bind: { main: { database: "other" } } });
    await seen(db, `FAIL ${DEADLOCK}`);
  });
  assert.equal(runs, 3);
  assert.equal(connector.log.filter((line) => line.endsWith(": PROVE other")).length, 2);
  await endsEmpty(world);
});

test("if a proof of a unit's reads fails, the pool tries again and repeats the unit", async () => {
  const world = createWorld();
  const { db, connector } = world;
  let runs = 0;
  await db.unit(async () => {
    if (++runs > 1) return;
    await seen(db, "SELECT view reading");
    const victim = new FakeServerError(DEADLOCK, "victim");
    Object.assign(connector.sessions[0] ?? {}, { failNext: victim });
    throw victim;
  }, { retries: 2 });
  assert.equal(runs, 2);
  assert.equal(connector.log.filter((line) => line.includes(": PROVE")).length, 2);
  await endsEmpty(world);
});

test("the pool does not repeat a unit that has sent a write and not awaited it", async () => {
  const world = createWorld();
  const { db, connector } = world;
  let left: Promise<unknown> = Promise.resolve();
  const failed = failing((code) => db.unit(code, { retries: 3 }), async () => {
    await seen(db);
    Object.assign(connector.sessions[0] ?? {}, { hangsOn: "INSERT" });
    left = seen(db, "INSERT a");
    await settled();
    await db.transaction(() => Promise.reject(new FakeServerError(DEADLOCK, "victim")));
  });
  await settled();
  connector.sessions[0]?.answer();
  assert.equal((await failed).runs, 1);
  await left;
  await endsEmpty(world);
});

test("the pool refuses to send a statement that would end its transaction", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await db.transaction(async () => {
    await seen(db, "INSERT a");
    const error = await refused(seen(db, "ALTER t"), "STATEMENT_REFUSED");
    assert.match(error.message, /^ALTER would end the transaction/);
    await refused(db.transaction(() => seen(db, "COMMIT")), "STATEMENT_REFUSED");
  });
  assert.ok(!connector.log.includes("1: ALTER t"));
  assert.equal(connector.log.filter((line) => line === "1: COMMIT").length, 1);
  await endsEmpty(world);
});

for (const ends of ["CALL commits", "CALL begins"]) {
  test(`after "${ends}" the next statement and the transaction fail`, async () => {
    const world = createWorld();
    const { db, connector } = world;
    const error = await refused(
      db.transaction(async () => {
        await seen(db, "INSERT a");
        await seen(db, ends);
        const told = await refused(seen(db, "INSERT late"), "TRANSACTION_LOST");
        assert.match(told.message, new RegExp(`ended early, at "${ends}"`));
      }),
      "TRANSACTION_LOST",
    );
    assert.match(error.message, new RegExp(ends));
    assert.ok(!connector.log.some((line) => /late|: COMMIT/.test(line)));
    await endsEmpty(world);
  });

  test(`after "${ends}" a transaction that throws is lost, with that cause`, async () => {
    const world = createWorld();
    const { db } = world;
    const error = await refused(
      db.transaction(async () => {
        await seen(db, "INSERT a");
        await seen(db, ends);
        throw mine;
      }),
      "TRANSACTION_LOST",
    );
    assert.equal(error.cause, mine);
    await endsEmpty(world);
  });

  test(`after "${ends}" in a savepoint the transaction is lost, and no RELEASE sent`, async () => {
    const world = createWorld();
    const { db, connector } = world;
    await refused(
      db.transaction(() => db.transaction(() => seen(db, ends))),
      "TRANSACTION_LOST",
    );
    assert.ok(!connector.log.some((line) => line.includes("RELEASE")));
    await endsEmpty(world);
  });
}

test("the pool sends no parallel statement behind one that ended the transaction", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await refused(
    db.transaction(() =>
      Promise.all([
        seen(db, "CALL commits"),
        refused(seen(db, "INSERT late"), "TRANSACTION_LOST"),
        refused(seen(db, "INSERT later"), "TRANSACTION_LOST"),
      ])
    ),
    "TRANSACTION_LOST",
  );
  assert.ok(!connector.log.some((line) => line.includes("INSERT")));
  await endsEmpty(world);
});

test("with allowImplicitCommit the pool sends ALTER, and the transaction is lost", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const transaction = db.transaction(() => seen(db, "ALTER t"), { allowImplicitCommit: true });
  await refused(transaction, "TRANSACTION_LOST");
  assert.ok(connector.log.includes("1: ALTER t"));
  await endsEmpty(world);
});

test("outside a unit the pool refuses a statement that only sets session state", async () => {
  const world = createWorld();
  const { db, connector } = world;
  for (const sql of ["SET @a = 1", "USE b", "BEGIN"]) {
    const error = await refused(seen(db, sql), "STATEMENT_REFUSED");
    assert.match(error.message, /outside of a unit of work has no effect/);
  }
  assert.deepEqual(connector.log, []);
  await using lease = await db.lease();
  await seen(lease, "SET @a = 1");
});

test("a unit that leaves its own BEGIN open fails after the pool has rolled back", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const error = await refused(
    db.unit(async () => {
      await seen(db, "BEGIN");
      await seen(db, "INSERT a");
    }),
    "TRANSACTION_OPEN",
  );
  assert.match(error.message, /on "main": the pool has rolled it back/);
  assert.equal(connector.log.at(-1), "1: ROLLBACK");
  await assert.rejects(
    db.unit(async () => {
      await seen(db, "BEGIN");
      throw mine;
    }),
    mine,
  );
  await endsEmpty(world);
});

test("the pool refuses LAST_INSERT_ID() and the like with no statement before it", async () => {
  const world = createWorld();
  const { db } = world;
  await seen(db, "INSERT a");
  await refused(seen(db, "ASK"), "CONNECTION_LEFT");
  await db.unit(async () => {
    await refused(seen(db, "ASK"), "CONNECTION_LEFT");
    await seen(db);
    await refused(seen(db, "ASK ID"), "CONNECTION_LEFT");
    await db.transaction(async () => {
      await refused(seen(db, "ASK"), "CONNECTION_LEFT");
      await seen(db, "INSERT b");
      await seen(db, "ASK");
      await seen(db, "ASK ID");
    });
  });
  await endsEmpty(world);
});

test("a nested transaction may only set options that the outer one has", async () => {
  const world = createWorld();
  const { db } = world;
  await db.transaction(async () => {
    await db.transaction(() => seen(db), { readOnly: true });
    await db.transaction(() => seen(db), { isolation: "serializable" });
    await refused(db.transaction(() => 1, { readOnly: false }), "OPTION_INVALID");
    await refused(db.transaction(() => 1, { isolation: "read committed" }), "OPTION_INVALID");
  }, { readOnly: true, isolation: "serializable" });
  await db.transaction(async () => {
    const error = await refused(db.transaction(() => 1, { readOnly: true }), "OPTION_INVALID");
    assert.match(error.message, /Give it to the outer one/);
    await db.transaction(() => 1, { readOnly: false });
  });
  await endsEmpty(world);
});
