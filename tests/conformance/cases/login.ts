/** Logins: which users the server accepts, and by which passwords. */

import assert from "node:assert/strict";
import { one, refused, threadOf } from "../../support/asking.ts";
import { causeOf } from "../suite/failing.ts";
import { both, Suite } from "../suite/suite.ts";
import type { World } from "../suite/world.ts";

/** Tests of logging in. */
export const login: Suite = new Suite();

login.test("a wrong password is refused with the server's error", { on: both }, async (world) => {
  const db = world.pool({ password: "wrong", connectionLimit: 2 });
  const causes = await Promise.all([causeOf(db), causeOf(db), causeOf(db)]);
  for (const { errno, code } of causes) {
    assert.deepEqual({ errno, code }, { errno: 1045, code: "ER_ACCESS_DENIED_ERROR" });
  }
  await world.server.count(0);
});

login.test(
  "an unknown database is refused with the server's error",
  { on: both },
  async (world) => {
    const db = world.pool({ user: "root", password: "", database: "nowhere" });
    assert.equal((await causeOf(db)).errno, 1049);
    await world.server.count(0);
  },
);

login.test(
  "the pool calls a password function for each connection",
  { on: both },
  async (world) => {
    let asked = 0;
    const password = (): Promise<string> =>
      Promise.resolve(`secret${asked++ > 1 ? " no more" : ""}`);
    const db = world.pool({ password });
    const leases = [await db.lease(), await db.lease()];
    assert.equal(asked, 2);
    for (const lease of leases) lease.release();
    await threadOf(db);
    assert.equal(asked, 2);
  },
);

login.test("an error of a password function is the cause of the refusal", {}, async (world) => {
  const mine = new Error("The vault is closed");
  const db = world.pool({ password: () => Promise.reject(mine) });
  assert.equal((await refused(threadOf(db), "CONNECT_FAILED")).cause, mine);
});

login.test("a password that does not come is given up at the connect's time", {}, async (world) => {
  const password = (): Promise<string> => new Promise(() => undefined);
  const db = world.pool({ password, connectTimeout: 300, acquireTimeout: 5_000 });
  assert.equal((await causeOf(db)).code, "ETIMEDOUT");
});

/** The length of the server's public key; all else that the server sends in a login is shorter. */
const keyBytes = 451;

/** Makes the server forget earlier logins, so that the next login is a full one. */
async function forgetLogins({ server }: World): Promise<void> {
  await server.query("FLUSH PRIVILEGES");
}

/** Returns how many bytes the server sends until it has answered a new pool's first statement. */
async function bytesOfLogin(world: World): Promise<number> {
  const { id, uri } = await world.proxy();
  assert.match(String(await one(world.pool({ uri }), "SELECT CURRENT_USER()")), /^app@/);
  return (await world.lab.network.traffic(id)).toClient;
}

login.test("caching_sha2_password sends the server's key without TLS only in full logins", {
  on: ["mysql"],
}, async (world) => {
  await forgetLogins(world);
  const whole = await bytesOfLogin(world);
  const quick = await bytesOfLogin(world);
  assert.ok(whole - quick > keyBytes, `the server sent ${whole} bytes, and then ${quick}`);
  const [row] = await world.server.query("SELECT plugin p FROM mysql.user WHERE user = 'app'");
  assert.equal(row?.["p"], "caching_sha2_password");
});

login.test("caching_sha2_password refuses a wrong password in a full login", {
  on: ["mysql"],
}, async (world) => {
  await forgetLogins(world);
  assert.equal((await causeOf(world.pool({ password: "wrong" }))).errno, 1045);
});

login.test("a user without a password can log in", { on: both }, async (world) => {
  await world.server.query("CREATE USER IF NOT EXISTS guest");
  const db = world.pool({ user: "guest", password: "", database: "" });
  assert.match(String(await one(db, "SELECT CURRENT_USER()")), /^guest@/);
});

login.test(
  "`initSql` runs on a new connection before the pool lends it",
  { on: both },
  async (world) => {
    const db = world.pool({ initSql: ["SET @a = 3", "SET @a = @a + 4"] });
    assert.equal(Number(await one(db, "SELECT @a")), 7);
  },
);

login.test(
  "an `initSql` that fails gives the server's error as the cause of the refusal",
  {},
  async (world) => {
    const db = world.pool({ initSql: "SELECT * FROM nowhere" });
    assert.equal((await causeOf(db)).errno, 1146);
    await world.server.count(0);
  },
);
