/** What the pool makes of errors. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { classOf, isFull, isLoss, isRepeatable } from "../../src/mysql/errors.ts";

function error(details: object, cause?: unknown): Error {
  return Object.assign(new Error("trouble", { cause }), details);
}

test("a server without room for more is distinguished from one that refuses", () => {
  for (const errno of [1040, 1203, 1226]) assert.equal(isFull(error({ errno })), true);
  for (const errno of [1045, 1049, -111]) assert.equal(isFull(error({ errno })), false);
  assert.equal(isFull(undefined), false);
});

test("errors that a repetition may avoid are distinguished from others", () => {
  for (const errno of [1213, 1205, 1020]) assert.equal(isRepeatable(error({ errno })), true);
  for (const code of ["PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE"]) {
    assert.equal(isRepeatable(error({ code })), true);
  }
  for (const errno of [1062, 1064, 1146]) assert.equal(isRepeatable(error({ errno })), false);
  assert.equal(isRepeatable("1213"), false);
});

test("what may be repeated is found among the causes of an error", () => {
  const inner = error({ errno: 1213, code: "ER_LOCK_DEADLOCK" });
  assert.equal(isRepeatable(error({ code: "TRANSACTION_LOST" }, inner)), true);
  assert.equal(isRepeatable(error({ code: "OPTION_INVALID" }, error({ errno: 1064 }))), false);
});

test("the loss of a session is recognised, from any source", () => {
  assert.equal(isLoss(error({ fatal: true })), true);
  assert.equal(isLoss(error({ errno: 1927 })), true);
  assert.equal(isLoss(error({ code: 4031 })), true);
  assert.equal(isLoss(error({ errno: 1213 })), false);
});

test("what a number means depends on whose server it is", () => {
  assert.equal(classOf({ errno: 1213 }, "mysql").isRolledBack, true);
  assert.equal(classOf({ errno: 1205 }, "mysql").isRolledBack, undefined);
  assert.equal(classOf({ errno: 4031 }, "mysql").isLoss, true);
  assert.deepEqual(classOf({ errno: 4031 }, "mariadb"), {});
  assert.equal(classOf({ errno: 1020 }, "mariadb").isRolledBack, true);
  assert.deepEqual(classOf({ errno: 1020 }, "mysql"), {});
});

test("of the options that prevent statements, only that of a server that reads is reported", () => {
  const refused = (option: string): object => ({ errno: 1290, message: `running with ${option}` });
  assert.equal(classOf(refused("--read-only")).serverState, "readOnly");
  assert.equal(classOf(refused("--super-read-only")).serverState, "readOnly");
  assert.deepEqual(classOf(refused("--secure-file-priv")), {});
});
