/** The cost of refusing many requests at once, in counts and not in time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SubletError } from "../../src/shell/errors.ts";
import { createWorld, type FakePool } from "./support/pool.ts";

const half = 1000;

/** Runs a statement that the pool refuses; does not read the stack of its error. */
async function caller(db: FakePool<"main">): Promise<SubletError> {
  const error: unknown = await db.query("SELECT 1").then(() => undefined, (error) => error);
  assert.ok(error instanceof SubletError);
  return error;
}

for (const isInUnit of [false, true]) {
  const where = isInUnit ? "in one unit of work" : "outside any unit";
  test(`each refusal ${where} captures one stack, and formats it only when read`, async (t) => {
    const options = { connectionLimit: 1, acquireTimeout: 300, queueLimit: half };
    const { db, clock } = createWorld(options);
    await using _ = await db.lease();
    let formatted = 0;
    const { prepareStackTrace } = Error;
    t.after(() => void (Error.prepareStackTrace = prepareStackTrace));
    Error.prepareStackTrace = (error, frames) => {
      formatted++;
      return `${error}\n    at ${frames.join("\n    at ")}`;
    };
    const captured = t.mock.method(Error, "captureStackTrace").mock;
    const ask = (): Promise<SubletError[]> =>
      Promise.all(Array.from({ length: 2 * half }, () => caller(db)));
    const asked = isInUnit ? db.unit(ask) : ask();
    await clock.pass(300);
    const errors = await asked;
    assert.equal(captured.callCount(), 2 * half);
    assert.equal(formatted, 0);
    const codes = errors.map(({ code }) => code).sort();
    const late = isInUnit ? 2 * half : half;
    assert.equal(codes.filter((code) => code === "LEASE_TIMEOUT").length, late);
    assert.equal(codes.filter((code) => code === "QUEUE_FULL").length, 2 * half - late);
    for (const error of [errors[0], errors.at(-1)]) {
      assert.match(error?.stack ?? "", /async caller .*refusal_test/);
    }
    assert.equal(formatted, 2);
  });
}
