/** TLS: what is encrypted, who has to be on the other side, and what happens if it is not. */

import assert from "node:assert/strict";
import { one, threadOf } from "../../support/asking.ts";
import { until } from "../../support/wait.ts";
import type { ServerInfo } from "../lab/servers.ts";
import { type Cause, causeOf, leftAlone } from "../suite/failing.ts";
import { both, type Gaps, Suite } from "../suite/suite.ts";
import type { World } from "../suite/world.ts";

/** Tests of TLS. */
export const tls: Suite = new Suite();

/** What says whom to trust, where that can be said. */
interface Trust {
  readonly ca?: string;
}

/** An address of this machine that no certificate is for. */
const otherHost = "127.0.0.2";
/** An address that nobody knows to be of this machine, though it is. */
const elsewhere = "0.0.0.0";
const version = "SHOW SESSION STATUS LIKE 'Ssl_version'";

/** Where the chain has to be verified, whatever is asked for. */
const alwaysVerified: Gaps = {
  deno: "Deno verifies the chain always",
  workerd: "workerd verifies always",
};

/** Trusts the authority of a server; in workerd the platform has been told to. */
function trust({ runtime }: World, { ca }: ServerInfo): Trust {
  return runtime === "workerd" ? {} : { ca };
}

/** Returns the version of TLS that a connection uses; empty if it uses none. */
async function versionOf(world: World, options: object): Promise<unknown> {
  const [rows] = await world.pool(options).query(version);
  return rows[0]?.["Value"];
}

/** Expects that an error came up when the connection was upgraded, and returns it. */
function assertUpgradeFailed(cause: Cause): void {
  assert.equal(cause.code, "HANDSHAKE_SSL_ERROR", `${cause.code}: ${cause.message}`);
}

tls.test("on this machine nothing is encrypted unless asked for", { on: both }, async (world) => {
  assert.equal(await versionOf(world, {}), "");
});

tls.test("a server elsewhere is spoken to encrypted without being asked for", {
  on: both,
  gaps: { deno: "whom Deno trusts is told by `ssl`, and that is to ask" },
}, async (world) => {
  assert.match(String(await versionOf(world, { host: elsewhere })), /^TLS/);
});

tls.test("a server elsewhere that nobody trusts is not spoken to where that is verified always", {
  gaps: { node: "Node verifies if asked to", bun: "Bun verifies if asked to" },
}, async (world) => {
  const { url } = await world.lab.servers.info("stranger");
  const cause = await causeOf(world.pool({ uri: url, host: elsewhere }));
  assertUpgradeFailed(cause);
  assert.match(cause.message, /is not this machine/);
  await world.lab.servers.awaitCount("stranger", 0);
});

tls.test(
  "a server elsewhere without TLS is spoken to in plain text only if asked for",
  {},
  async (world) => {
    const { url } = await world.lab.servers.info("plain");
    const options = { uri: url, host: elsewhere };
    const cause = await causeOf(world.pool(options));
    assert.equal(cause.code, "HANDSHAKE_NO_SSL_SUPPORT");
    assert.match(cause.message, /`tls: "prefer"`/);
    for (const asked of [{ tls: "prefer" }, { ssl: false }]) {
      assert.equal(await versionOf(world, { ...options, ...asked }), "");
    }
  },
);

tls.test(
  "each strictness of TLS encrypts, and trusts whom it is told to",
  { on: both },
  async (world) => {
    const ssl = trust(world, world.server.info);
    for (const tls of ["prefer", "require", "verify"]) {
      assert.match(String(await versionOf(world, { tls, ssl })), /^TLS/, tls);
    }
  },
);

tls.test("a connection to whom is trusted is encrypted", { on: both }, async (world) => {
  const ssl = trust(world, world.server.info);
  assert.match(String(await versionOf(world, { ssl })), /^TLSv1\.[23]$/);
});

tls.test(
  "statements, transactions and resets go as they do without",
  { on: both },
  async (world) => {
    await world.server.table("t", "v INT");
    const db = world.pool({ ssl: trust(world, world.server.info), connectionLimit: 1 });
    await db.transaction(() => db.execute("INSERT INTO t VALUES (?)", [1]));
    await db.unit(async () => {
      await db.query("SET @a = 7");
      assert.equal(await one(db, "SELECT @a"), 7);
    });
    assert.equal(await one(db, "SELECT @a"), null);
    assert.deepEqual(await world.server.values("t"), [1]);
  },
);

tls.test("a whole login by caching_sha2_password", { on: ["mysql"] }, async (world) => {
  await world.server.query("FLUSH PRIVILEGES");
  const ssl = trust(world, world.server.info);
  assert.match(String(await one(world.pool({ ssl }), "SELECT CURRENT_USER()")), /^app@/);
});

tls.test("a server whose authority nobody trusts is refused", { on: both }, async (world) => {
  const stranger = await world.lab.servers.info("stranger");
  const ssl = trust(world, world.server.info);
  assertUpgradeFailed(await causeOf(world.pool({ uri: stranger.url, ssl })));
  await world.lab.servers.awaitCount("stranger", 0);
});

tls.test("a server whose authority the runtime does not know is refused", {
  on: both,
  gaps: { workerd: "what it knows is what the test says it trusts" },
}, async (world) => {
  assertUpgradeFailed(await causeOf(world.pool({ ssl: {} })));
  await world.server.count(0);
});

tls.test(
  "a server whose certificate is for another host is refused",
  { on: both },
  async (world) => {
    const { uri } = await world.proxy({ host: otherHost });
    assertUpgradeFailed(await causeOf(world.pool({ uri, ssl: trust(world, world.server.info) })));
    await world.server.count(0);
  },
);

tls.test("a client that is told not to look at the host takes another's certificate", {
  on: both,
  gaps: { workerd: "workerd verifies always" },
}, async (world) => {
  const { uri } = await world.proxy({ host: otherHost });
  const ssl = { ...trust(world, world.server.info), verifyIdentity: false };
  assert.match(String(await versionOf(world, { uri, ssl })), /^TLS/);
});

tls.test("a client that is told not to verify takes any certificate", {
  on: both,
  gaps: alwaysVerified,
}, async (world) => {
  const ssl = { rejectUnauthorized: false };
  assert.match(String(await versionOf(world, { ssl })), /^TLS/);
});

tls.test("what a runtime cannot leave unverified is refused by name", {
  gaps: { node: "Node can", bun: "Bun can" },
}, async (world) => {
  const { message } = await causeOf(world.pool({ ssl: { rejectUnauthorized: false } }));
  assert.match(message, /rejectUnauthorized/);
  await world.server.count(0);
});

tls.test("an authority that a runtime cannot be told of is refused by name", {
  gaps: { node: "Node can be told", deno: "Deno can be told", bun: "Bun can be told" },
}, async (world) => {
  const { ca } = world.server.info;
  assert.match((await causeOf(world.pool({ ssl: { ca } }))).message, /\bca\b/);
  await world.server.count(0);
});

tls.test("a client shows its own certificate to whom asks for it", {
  on: both,
  gaps: {
    deno: "Deno upgrades without a certificate of the client",
    workerd: "workerd has no certificate of the client",
  },
}, async (world) => {
  const { server } = world;
  await server.query("CREATE USER IF NOT EXISTS certified IDENTIFIED BY 'secret' REQUIRE X509");
  const { ca, cert, key } = server.info;
  const options = { user: "certified", database: "" };
  assert.match(String(await versionOf(world, { ...options, ssl: { ca, cert, key } })), /^TLS/);
  assert.equal((await causeOf(world.pool({ ...options, ssl: { ca } }))).errno, 1045);
});

tls.test("a certificate of the client is refused by name where it cannot be shown", {
  gaps: { node: "Node shows it", bun: "Bun shows it" },
}, async (world) => {
  const { cert, key } = world.server.info;
  const ssl = { ...trust(world, world.server.info), cert, key };
  assert.match((await causeOf(world.pool({ ssl }))).message, /\bcert\b/);
});

tls.test("a server without TLS is not spoken to in the clear", {}, async (world) => {
  const { url } = await world.lab.servers.info("plain");
  const cause = await causeOf(world.pool({ uri: url, ssl: {} }));
  assert.equal(cause.code, "HANDSHAKE_NO_SSL_SUPPORT");
  await world.lab.servers.awaitCount("plain", 0);
});

tls.test(
  "a server that does not answer to the upgrade is given up: ETIMEDOUT",
  {},
  async (world) => {
    const { uri, port } = await world.proxy({ chunksMax: 1 });
    const ssl = trust(world, world.server.info);
    assert.equal((await causeOf(world.pool({ uri, ssl, connectTimeout: 400 }))).code, "ETIMEDOUT");
    await leftAlone(world, port, "handshake");
  },
);

tls.test("a connection that is killed is not lent again", { on: both }, async (world) => {
  const db = world.pool({ ssl: trust(world, world.server.info) });
  const thread = await threadOf(db);
  await world.server.query(`KILL ${thread}`);
  await until(() => db.stats().size === 0, "the loss is noticed");
  assert.notEqual(await threadOf(db), thread);
});

tls.test("the server hears a farewell", { on: both }, async (world) => {
  const aborted = await world.server.status("Aborted_clients");
  const db = world.pool({ ssl: trust(world, world.server.info) });
  await threadOf(db);
  await db.drain();
  await world.server.count(0);
  assert.equal(await world.server.status("Aborted_clients"), aborted);
});
