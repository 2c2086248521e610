/** How the pool classifies errors. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { classOf, isFull, isLoss, isRepeatable } from "../../src/mysql/errors.ts";

function error(details: object, cause?: unknown): Error {
  return Object.assign(new Error("trouble", { cause }), details);
}

test("isFull distinguishes a full server from one that refuses a login", () => {
  for (const errno of [1040, 1203, 1226]) assert.equal(isFull(error({ errno })), true);
  for (const errno of [1045, 1049, -111]) assert.equal(isFull(error({ errno })), false);
  assert.equal(isFull(undefined), false);
});

test("isRepeatable distinguishes errors that may pass from errors that will not", () => {
  for (const errno of [1213, 1205, 1020]) assert.equal(isRepeatable(error({ errno })), true);
  for (const code of ["PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE"]) {
    assert.equal(isRepeatable(error({ code })), true);
  }
  for (const errno of [1062, 1064, 1146]) assert.equal(isRepeatable(error({ errno })), false);
  assert.equal(isRepeatable("1213"), false);
});

test("isRepeatable also looks at the causes of an error", () => {
  const inner = error({ errno: 1213, code: "ER_LOCK_DEADLOCK" });
  assert.equal(isRepeatable(error({ code: "TRANSACTION_LOST" }, inner)), true);
  assert.equal(isRepeatable(error({ code: "OPTION_INVALID" }, error({ errno: 1064 }))), false);
});

test("isLoss knows lost sessions by the driver's and the server's errors", () => {
  assert.equal(isLoss(error({ fatal: true })), true);
  assert.equal(isLoss(error({ errno: 1927 })), true);
  assert.equal(isLoss(error({ code: 4031 })), true);
  assert.equal(isLoss(error({ errno: 1213 })), false);
});

test("the meaning of an error number depends on the server's flavor", () => {
  assert.equal(classOf({ errno: 1213 }, "mysql").isRolledBack, true);
  assert.equal(classOf({ errno: 1205 }, "mysql").isRolledBack, undefined);
  assert.equal(classOf({ errno: 4031 }, "mysql").isLoss, true);
  assert.deepEqual(classOf({ errno: 4031 }, "mariadb"), {});
  assert.equal(classOf({ errno: 1020 }, "mariadb").isRolledBack, true);
  assert.deepEqual(classOf({ errno: 1020 }, "mysql"), {});
});

test("of the options that prevent statements, only those of a read-only server count", () => {
  const refused = (option: string): object => ({ errno: 1290, message: `running with ${option}` });
  assert.equal(classOf(refused("--read-only")).serverState, "readOnly");
  assert.equal(classOf(refused("--super-read-only")).serverState, "readOnly");
  assert.deepEqual(classOf(refused("--secure-file-priv")), {});
});
