/** The option charset: a session has it from its login on, through each reset and new login. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Target } from "../../src/mysql/mod.ts";
import { onBoth, serversOf } from "../support/both.ts";
import type { Server } from "../support/server.ts";
import { lackOf } from "../support/server_binary.ts";
import { open, run, targetAt, type TestSession } from "./fixture.ts";

const serverOf = serversOf([]);
const testOnBoth = onBoth(serverOf);

const asked = "SELECT @@character_set_client AS client, @@character_set_results AS results, " +
  "@@collation_connection AS collation, HEX(CONVERT(? USING utf8mb4)) AS text";

/** Opens a session with a character set, and expects it after the login, a reset and a new login. */
async function lasts(server: Server, charset: string, collation: string): Promise<void> {
  const target = targetAt(server, { charset });
  const session = await open(target);
  const client = collation.slice(0, collation.indexOf("_"));
  const expectSame = async (when: string): Promise<void> => {
    for (const isPrepared of [false, true]) {
      const [row] = await run(session, asked, ["é"], isPrepared);
      const right = { client, results: client, collation, text: "C3A9" };
      assert.deepEqual({ ...row }, right, `${charset}, ${when}`);
    }
  };
  try {
    await expectSame("after the login");
    await resetAfter(session, "SELECT 1");
    await expectSame("after a reset");
    await resetAfter(session, "SET NAMES ascii");
    await expectSame("after a reset from another one");
    await session.retarget(target);
    await expectSame("after a new login");
  } finally {
    await session.close();
  }
}

async function resetAfter(session: TestSession, sql: string): Promise<void> {
  await run(session, sql);
  await session.reset();
}

testOnBoth("a session keeps the character set of its target", async (server, flavor) => {
  await lasts(server, "utf8mb4", "utf8mb4_general_ci");
  await lasts(server, "utf8mb4_unicode_ci", "utf8mb4_unicode_ci");
  await lasts(server, "UTF8MB4_BIN", "utf8mb4_bin");
  await lasts(server, "latin1", "latin1_swedish_ci");
  await lasts(server, "latin1_german1_ci", "latin1_german1_ci");
  if (flavor === "mysql") await lasts(server, "utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci");
});

test("mariadb: a connect tells which character set the server does not have", {
  skip: lackOf("mariadb") ?? false,
}, async () => {
  const server = await serverOf("mariadb");
  await assert.rejects(open(targetAt(server, { charset: "utf8mb4_0900_ai_ci" })), {
    errno: 1273,
    message:
      /^The server refuses the option charset \(SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci/,
  });
});

test("a character set that the driver does not know, or that no client can use, is an error of the options", () => {
  for (const charset of ["klingon", "", "__proto__", "constructor", "utf16", "ucs2_bin"]) {
    assert.throws(() => new Target({ host: "a", charset }), {
      name: "TargetOptionError",
      message:
        /^Option charset must be a character set or a collation of clients that mysql2 knows/,
    });
  }
});
