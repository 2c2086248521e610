/** TLS: what is encrypted, which servers the client accepts, and what happens otherwise. */

import assert from "node:assert/strict";
import { one, threadOf } from "../../support/asking.ts";
import { until } from "../../support/wait.ts";
import type { ServerInfo } from "../lab/servers.ts";
import { type Cause, causeOf, leftAlone } from "../suite/failing.ts";
import { both, type Gaps, Suite } from "../suite/suite.ts";
import type { World } from "../suite/world.ts";

/** Tests of TLS. */
export const tls: Suite = new Suite();

/** The option for trusted authorities, in the runtimes that have it. */
interface Trust {
  readonly ca?: string;
}

/** An address of this machine that no certificate is for. */
const otherHost = "127.0.0.2";
/** An address of this machine that the pool takes for that of another. */
const elsewhere = "0.0.0.0";
const version = "SHOW SESSION STATUS LIKE 'Ssl_version'";

/** The runtimes that verify the chain in any case. */
const alwaysVerified: Gaps = {
  deno: "Deno verifies the chain always",
  workerd: "workerd verifies always",
};

/** Trusts the authority of a server; in workerd the platform's configuration does that. */
function trust({ runtime }: World, { ca }: ServerInfo): Trust {
  return runtime === "workerd" ? {} : { ca };
}

/** Returns the version of TLS that a connection uses; empty for plain text. */
async function versionOf(world: World, options: object): Promise<unknown> {
  const [rows] = await world.pool(options).query(version);
  return rows[0]?.["Value"];
}

/** Expects that an error is that of a failed upgrade to TLS. */
function assertUpgradeFailed(cause: Cause): void {
  assert.equal(cause.code, "HANDSHAKE_SSL_ERROR", `${cause.code}: ${cause.message}`);
}

tls.test("a connection to this machine is unencrypted by default", { on: both }, async (world) => {
  assert.equal(await versionOf(world, {}), "");
});

tls.test("a server elsewhere is spoken to encrypted without being asked for", {
  on: both,
  gaps: { deno: "`ssl` sets whom Deno trusts, which asks for TLS" },
}, async (world) => {
  assert.match(String(await versionOf(world, { host: elsewhere })), /^TLS/);
});

tls.test("a runtime that always verifies refuses an untrusted server elsewhere by default", {
  gaps: { node: "Node verifies if asked to", bun: "Bun verifies if asked to" },
}, async (world) => {
  const { url } = await world.lab.servers.info("stranger");
  const cause = await causeOf(world.pool({ uri: url, host: elsewhere }));
  assertUpgradeFailed(cause);
  assert.match(cause.message, /is a remote host/);
  await world.lab.servers.awaitCount("stranger", 0);
});

tls.test(
  "a server elsewhere without TLS gets plain text only if the options ask for it",
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
  "each strictness of TLS encrypts, and trusts the given authority",
  { on: both },
  async (world) => {
    const ssl = trust(world, world.server.info);
    for (const tls of ["prefer", "require", "verify"]) {
      assert.match(String(await versionOf(world, { tls, ssl })), /^TLS/, tls);
    }
  },
);

tls.test("a connection to a trusted server is encrypted", { on: both }, async (world) => {
  const ssl = trust(world, world.server.info);
  assert.match(String(await versionOf(world, { ssl })), /^TLSv1\.[23]$/);
});

tls.test(
  "statements, transactions and resets work over TLS as in plain text",
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

tls.test("a full login by caching_sha2_password succeeds", { on: ["mysql"] }, async (world) => {
  await world.server.query("FLUSH PRIVILEGES");
  const ssl = trust(world, world.server.info);
  assert.match(String(await one(world.pool({ ssl }), "SELECT CURRENT_USER()")), /^app@/);
});

tls.test("a server with an untrusted authority is refused", { on: both }, async (world) => {
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

tls.test("with `verifyIdentity: false` the client accepts a certificate for another host", {
  on: both,
  gaps: { workerd: "workerd verifies always" },
}, async (world) => {
  const { uri } = await world.proxy({ host: otherHost });
  const ssl = { ...trust(world, world.server.info), verifyIdentity: false };
  assert.match(String(await versionOf(world, { uri, ssl })), /^TLS/);
});

tls.test("with `rejectUnauthorized: false` the client accepts any certificate", {
  on: both,
  gaps: alwaysVerified,
}, async (world) => {
  const ssl = { rejectUnauthorized: false };
  assert.match(String(await versionOf(world, { ssl })), /^TLS/);
});

tls.test("a runtime that always verifies refuses `rejectUnauthorized: false` by name", {
  gaps: { node: "Node can", bun: "Bun can" },
}, async (world) => {
  const { message } = await causeOf(world.pool({ ssl: { rejectUnauthorized: false } }));
  assert.match(message, /rejectUnauthorized/);
  await world.server.count(0);
});

tls.test("a runtime that cannot trust a given authority refuses `ca` by name", {
  gaps: { node: "Node takes it", deno: "Deno takes it", bun: "Bun takes it" },
}, async (world) => {
  const { ca } = world.server.info;
  assert.match((await causeOf(world.pool({ ssl: { ca } }))).message, /\bca\b/);
  await world.server.count(0);
});

tls.test("a client shows its own certificate to a server that requires one", {
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

tls.test("a runtime that cannot show a client certificate refuses `cert` by name", {
  gaps: { node: "Node shows it", bun: "Bun shows it" },
}, async (world) => {
  const { cert, key } = world.server.info;
  const ssl = { ...trust(world, world.server.info), cert, key };
  assert.match((await causeOf(world.pool({ ssl }))).message, /\bcert\b/);
});

tls.test("with `ssl` a server without TLS gets no login in plain text", {}, async (world) => {
  const { url } = await world.lab.servers.info("plain");
  const cause = await causeOf(world.pool({ uri: url, ssl: {} }));
  assert.equal(cause.code, "HANDSHAKE_NO_SSL_SUPPORT");
  await world.lab.servers.awaitCount("plain", 0);
});

tls.test(
  "the pool gives up a server that does not answer the upgrade: ETIMEDOUT",
  {},
  async (world) => {
    const { uri, port } = await world.proxy({ chunksMax: 1 });
    const ssl = trust(world, world.server.info);
    assert.equal((await causeOf(world.pool({ uri, ssl, connectTimeout: 400 }))).code, "ETIMEDOUT");
    await leftAlone(world, port, "handshake");
  },
);

tls.test("the pool does not lend a killed connection again", { on: both }, async (world) => {
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
