/** better-auth on the pool: its tables, and users who sign up, in, and out. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import type { Pool } from "../../../src/entries/compat.ts";
import { assertLost } from "./support/failing.ts";
import { type Place, work } from "./support/place.ts";

const password = "correct horse battery staple";

const hash = (text: string): Promise<string> =>
  Promise.resolve(createHash("sha256").update(text).digest("hex"));
const verify = async (given: { hash: string; password: string }): Promise<boolean> =>
  given.hash === await hash(given.password);

type Auth = ReturnType<typeof authOf>;

function authOf(pool: Pool) {
  return betterAuth({
    baseURL: "http://127.0.0.1",
    database: pool.promise(),
    // better-auth's own hashes are slow on purpose, and this test is not about them.
    emailAndPassword: { enabled: true, password: { hash, verify } },
    logger: { disabled: true },
    secret: "a secret that is as long as it has to be",
    telemetry: { enabled: false },
  });
}

const signUp = (auth: Auth, name: string): Promise<unknown> =>
  auth.api.signUpEmail({ body: { name, email: `${name}@example.org`, password } });

/** Signs a user in and returns the cookies. */
async function signIn(auth: Auth, name: string): Promise<Headers> {
  const body = { email: `${name}@example.org`, password };
  const { headers } = await auth.api.signInEmail({ body, returnHeaders: true });
  const cookies = headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
  return new Headers({ cookie: cookies.join("; ") });
}

/** The migration creates all tables, and a second one finds nothing to do. */
async function migrates(auth: Auth, place: Place): Promise<void> {
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  const { toBeCreated, toBeAdded } = await getMigrations(auth.options);
  assert.deepEqual([toBeCreated, toBeAdded], [[], []]);
  const tables = await place.ask("SHOW TABLES FROM ??", [place.database]);
  assert.deepEqual(tables.flatMap(Object.values).sort(), [
    "account",
    "session",
    "user",
    "verification",
  ]);
}

/** Many users sign up and in at once; each finds its own session. */
async function crowds(auth: Auth, place: Place): Promise<void> {
  const names = Array.from({ length: 20 }, (_, i) => `visitor_${i}`);
  const visit = async (name: string): Promise<string | undefined> => {
    await signUp(auth, name);
    const headers = await signIn(auth, name);
    const session = await auth.api.getSession({ headers });
    await auth.api.signOut({ headers });
    assert.equal(await auth.api.getSession({ headers }), null);
    return session?.user.name;
  };
  assert.deepEqual(await place.crowd(names.map((name) => () => visit(name))), names);
}

/** Of many sign-ups with the same address, one succeeds, and its transaction is complete. */
async function races(auth: Auth, place: Place): Promise<void> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => place.unit(() => signUp(auth, "twin"))),
  );
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  const email = "twin@example.org";
  const [count] = await place.ask(
    "SELECT COUNT(*) AS users, COUNT(a.id) AS accounts FROM ??.user u " +
      "LEFT JOIN ??.account a ON a.userId = u.id WHERE email = ?",
    [place.database, place.database, email],
  );
  assert.deepEqual({ ...count }, { users: 1, accounts: 1 });
  await assert.rejects(signUp(auth, "twin"), /User already exists/);
}

await work(async (place) => {
  const auth = authOf(place.pool);
  await migrates(auth, place);
  await crowds(auth, place);
  await races(auth, place);
  assertLost(await place.killedWaiting("user", () => signUp(auth, "unlucky")));
  await signUp(auth, "unlucky");
  await signIn(auth, "unlucky");
});
