/** On a real server: statements beside a transaction of their unit are no part of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Server } from "../support/server.ts";
import {
  assertFree,
  one,
  poolAt,
  refused,
  serverOfFile,
  threadOf,
  valuesIn,
} from "./support/fixture.ts";

let server: Server;
const mine = new Error("mine");

serverOfFile((started) => server = started, {
  statements: ["CREATE TABLE t (v INT PRIMARY KEY) ENGINE = InnoDB"],
  tables: ["t"],
});

for (const connectionLimit of [1, 2]) {
  test(`a sibling's write stays when the transaction rolls back, limit ${connectionLimit}`, async () => {
    await using db = poolAt(server, { connectionLimit });
    await db.unit(async () => {
      const [transaction, beside] = await Promise.allSettled([
        db.transaction(async () => {
          await db.query("INSERT INTO t VALUES (1)");
          await db.query("SELECT SLEEP(0.02)");
          throw mine;
        }),
        db.query("INSERT INTO t VALUES (2)"),
      ]);
      assert.equal(transaction.status, "rejected");
      assert.equal(beside.status, "fulfilled");
    });
    assert.deepEqual(await valuesIn(server, "t"), [2]);
    assertFree(db);
  });
}

/** Gathers writes until `flush` and runs them together, in the async context of the first. */
class Batcher {
  readonly #write: (values: number[]) => Promise<unknown>;
  readonly #due: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #values: number[] = [];
  #done: Promise<unknown> | undefined;

  constructor(write: (values: number[]) => Promise<unknown>) {
    this.#write = write;
  }

  add(value: number): Promise<unknown> {
    this.#values.push(value);
    return this.#done ??= this.#due.promise.then(() => this.#write(this.#values));
  }

  flush(): void {
    this.#due.resolve();
  }
}

test("a batch scheduled outside a transaction and awaited inside runs beside it", async () => {
  await using db = poolAt(server, { connectionLimit: 2 });
  const batcher = new Batcher((values) =>
    db.query("INSERT INTO t VALUES ?", [values.map((v) => [v])])
  );
  await db.unit(async () => {
    const other = batcher.add(1);
    await assert.rejects(
      db.transaction(async () => {
        await db.query("INSERT INTO t VALUES (10)");
        const own = batcher.add(2);
        batcher.flush();
        await own;
        throw mine;
      }),
      mine,
    );
    await other;
  });
  assert.deepEqual(await valuesIn(server, "t"), [1, 2]);
});

test("at the limit such a batch times out, and the error names the transaction", async () => {
  await using db = poolAt(server, { connectionLimit: 1, acquireTimeout: 100 });
  const batcher = new Batcher((values) =>
    db.query("INSERT INTO t VALUES ?", [values.map((v) => [v])])
  );
  await db.unit(async () => {
    const other = batcher.add(1);
    await db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (10)");
      const own = batcher.add(2);
      batcher.flush();
      const error = await refused(own, "LEASE_TIMEOUT");
      assert.match(error.message, /a transaction of its own unit, on "main"/);
    });
    await refused(other, "LEASE_TIMEOUT");
  });
  assert.deepEqual(await valuesIn(server, "t"), [10]);
});

test("a job in another async context joins the transaction through its handle", async () => {
  await using db = poolAt(server);
  const jobs: (() => void)[] = [];
  let wake: (() => void) | undefined;
  const worker = (async (): Promise<void> => {
    for (let done = 0; done < 2; done++) {
      if (jobs.length === 0) await new Promise<void>((resolve) => wake = resolve);
      jobs.shift()?.();
    }
  })();
  const elsewhere = <T>(job: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      jobs.push(() => job().then(resolve, reject));
      wake?.();
    });
  const transaction = db.transaction(async (tx) => {
    const thread = await threadOf(db);
    assert.equal(await elsewhere(() => threadOf(tx)), thread);
    await elsewhere(() => tx.query("INSERT INTO t VALUES (1)"));
    throw mine;
  });
  await assert.rejects(transaction, mine);
  await worker;
  assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 0);
});
