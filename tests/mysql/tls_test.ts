/** On a real server: when a session is encrypted, and which certificates it accepts. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { one, open, run, targetAt, type TestSession } from "./fixture.ts";

let server: Server;

before(async () => {
  server = await startServer({ tls: true });
});

after(async () => await server?.remove());

/** Tells whether the server has no connection of a pool any more. */
async function isQuiet(): Promise<boolean> {
  return await server.connectionCount() === 0;
}

test("a session uses TLS as configured, and refuses an untrusted certificate", async () => {
  const session = await open(targetAt(server, { ssl: { ca: server.ca, verifyIdentity: true } }));
  const [row] = await run(session, "SHOW STATUS LIKE 'Ssl_version'");
  assert.match(String(row?.["Value"]), /^TLS/);
  await run(session, "SET @x = 1");
  await session.reset();
  assert.equal(session.condition, "clean");
  session.setRef(false);
  session.setRef(true);
  await session.close();
  await assert.rejects(open(targetAt(server, { ssl: {} })), { code: "HANDSHAKE_SSL_ERROR" });
  await until(isQuiet, "nothing is left of it");
});

/** An address of this machine that the pool takes to be remote. */
const elsewhere = { host: "0.0.0.0" };

/** Closes a session, and returns the version of TLS that it used; empty if none. */
async function versionOf(session: TestSession): Promise<unknown> {
  const [row] = await run(session, "SHOW STATUS LIKE 'Ssl_version'");
  await session.close();
  return row?.["Value"];
}

test("a session with a remote server is encrypted by default", async () => {
  assert.match(String(await versionOf(await open(targetAt(server, elsewhere)))), /^TLS/);
  for (const options of [{}, { ...elsewhere, ssl: false }]) {
    assert.equal(await versionOf(await open(targetAt(server, options))), "");
  }
});

test("each strictness of TLS accepts what it should, and no less", async () => {
  const { ca } = server;
  const strict = { tls: "verify" };
  for (const tls of ["prefer", "require"]) {
    assert.match(String(await versionOf(await open(targetAt(server, { tls })))), /^TLS/, tls);
  }
  const trusted = { ...strict, ssl: { ca } };
  assert.match(String(await versionOf(await open(targetAt(server, trusted)))), /^TLS/);
  await assert.rejects(open(targetAt(server, strict)), { code: "HANDSHAKE_SSL_ERROR" });
  await assert.rejects(open(targetAt(server, { ...trusted, host: "127.1" })), {
    code: "HANDSHAKE_SSL_ERROR",
  });
  await until(isQuiet, "nothing is left of it");
});

test("a session with a remote server without TLS is plain text only if configured", async () => {
  await using plain = await startServer();
  const refused = { code: "HANDSHAKE_NO_SSL_SUPPORT" };
  await assert.rejects(open(targetAt(plain, elsewhere)), {
    ...refused,
    message: /0\.0\.0\.0 is a remote host.*`tls: "prefer"`.*`ssl: false`/,
  });
  await assert.rejects(open(targetAt(plain, { tls: "require" })), refused);
  for (const options of [{ tls: "prefer" }, { ssl: false }]) {
    const session = await open(targetAt(plain, { ...elsewhere, ...options }));
    assert.equal(await one(session, "SELECT 1"), 1);
    await session.close();
  }
  await until(async () => await plain.connectionCount() === 0, "nothing is left of it");
});

test("after a failed TLS handshake a session is plain text only if configured", async () => {
  const demanding = { ssl: { minVersion: "TLSv1.3", maxVersion: "TLSv1.1" } };
  await assert.rejects(open(targetAt(server, demanding)), { code: "HANDSHAKE_SSL_ERROR" });
  const session = await open(targetAt(server, { ...demanding, tls: "prefer" }));
  assert.equal(await versionOf(session), "");
});
