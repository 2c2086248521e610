/** Atomic or told: a unit is repeated only if nothing of it lasts, a transaction that ended says so. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLOCK, FakeServerError } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, type FakePool, refused, seen } from "./support/pool.ts";

const mine = new Error("mine");

/** Runs code as a unit that may be repeated, and returns its error and how often it ran. */
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
  test(`after ${what} a unit is not repeated, and its error says why`, async () => {
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

test("after reads, a rollback and a deadlock's victim a unit is repeated", async () => {
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
  test(`after ${what} of an unknown name a unit is repeated once that is known to write nothing`, async () => {
    for (const [view, runsExpected, retries] of [["reading", 3, 2], ["writing", 1, 1]] as const) {
      const world = createWorld();
      const { db, connector } = world;
      const { error, runs } = await failing((code) => db.unit(code, { retries }), async () => {
        await read(db, view);
        await seen(db, `FAIL ${DEADLOCK}`);
      });
      assert.equal(runs, runsExpected);
      assert.ok(error instanceof FakeServerError);
      const sawReport = error.message.includes("not repeated, as something that it did");
      assert.equal(sawReport, view === "writing");
      const proofs = connector.log.filter((line) => line.includes(": PROVE")).length;
      assert.equal(proofs, view === "writing" ? 1 : 2);
      await endsEmpty(world);
    }
  });
}

test("what was read of another target than the unit's is proved there", async () => {
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

test("a unit whose reads cannot be proved yet is repeated when they are", async () => {
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

test("a statement that a unit has sent and not awaited counts as well", async () => {
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

test("a statement that is known to end its transaction is refused, and not sent", async () => {
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
  test(`after "${ends}" the next statement and the end of a transaction say so`, async () => {
    const world = createWorld();
    const { db, connector } = world;
    const error = await refused(
      db.transaction(async () => {
        await seen(db, "INSERT a");
        await seen(db, ends);
        const told = await refused(seen(db, "INSERT late"), "TRANSACTION_LOST");
        assert.match(told.message, new RegExp(`before its time, at "${ends}"`));
      }),
      "TRANSACTION_LOST",
    );
    assert.match(error.message, new RegExp(ends));
    assert.ok(!connector.log.some((line) => /late|: COMMIT/.test(line)));
    await endsEmpty(world);
  });

  test(`after "${ends}" what is thrown cannot undo: the error says so, with its cause`, async () => {
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

  test(`a savepoint in which "${ends}" runs ends with the transaction's true error`, async () => {
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

test("statements side by side in a transaction are not sent behind one that ended it", async () => {
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

test("what ends a transaction may be allowed, and the transaction is lost all the same", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const transaction = db.transaction(() => seen(db, "ALTER t"), { allowImplicitCommit: true });
  await refused(transaction, "TRANSACTION_LOST");
  assert.ok(connector.log.includes("1: ALTER t"));
  await endsEmpty(world);
});

test("a statement without effect outside a unit is refused, with the way out", async () => {
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

test("a unit that ends with a transaction begun by hand is told, after the rollback", async () => {
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

test("what reads an earlier statement is refused before its unit has run one there", async () => {
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

test("a transaction inside another one takes only what the outer one has", async () => {
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
