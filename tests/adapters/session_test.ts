/** Sessions on a real server over the runtime's sockets: TLS verification, large values, aborts. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { adapter as nodeAdapter } from "../../src/adapters/node.ts";
import { createConnector, Target } from "../../src/mysql/mod.ts";
import type { Loss } from "../../src/port/session.ts";
import { makeCertificates } from "../support/certificate.ts";
import { startProxy } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { one, run, type TestSession } from "../mysql/fixture.ts";
import { adapter, runtime } from "./support/here.ts";

const port = createConnector(adapter);
const deep = 16 * 1024 * 1024;
let server: Server;

before(async () => {
  server = await startServer({ tls: true, options: ["--max-allowed-packet=64M"] });
});

after(async () => await server?.remove());

/** Opens a session at the server, or at another target. */
async function open(
  options: object = {},
  signal: AbortSignal = new AbortController().signal,
  losses: Loss[] = [],
): Promise<TestSession> {
  const target = new Target({ uri: server.url(), ...options });
  return await port.connect(target, (loss) => losses.push(loss), signal);
}

/** Expects that a connect fails and leaves no connection; returns the error. */
async function refused(options: object): Promise<Error & { code?: unknown }> {
  const [outcome] = await Promise.allSettled([open(options)]);
  assert.equal(outcome.status, "rejected", "A session was opened");
  await until(async () => await server.connectionCount() === 0, "nothing is left of it");
  return outcome.reason;
}

async function isEncrypted(session: TestSession): Promise<boolean> {
  const [row] = await run(session, "SHOW STATUS LIKE 'Ssl_cipher'");
  return row?.["Value"] !== "";
}

/** Returns the certificate of an authority that has not signed the server's certificate. */
async function otherAuthority(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "authority-"));
  try {
    return await readFile((await makeCertificates(folder)).ca, "utf8");
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const version of ["TLSv1.2", "TLSv1.3"]) {
  // Only Node's sockets take a version; the others negotiate the newest.
  const isMore = runtime !== "node" && version === "TLSv1.2";
  const skip = isMore && "a version cannot be asked for";
  const limits = runtime === "node" ? { minVersion: version, maxVersion: version } : {};

  test(
    `over ${version} every connect verifies the host name of the certificate`,
    { skip },
    async () => {
      await using proxy = await startProxy(server, { host: "127.0.0.2" });
      const ssl = { ca: server.ca, ...limits };
      const anyName = { ca: server.ca, verifyIdentity: false, ...limits };
      for (let i = 0; i < 3; i++) {
        const session = await open({ ssl });
        assert.ok(await isEncrypted(session));
        await session.close();
        const error = await refused({ uri: proxy.uri, ssl });
        assert.equal(error.code, "HANDSHAKE_SSL_ERROR");
        assert.match(error.message, /127\.0\.0\.2/);
        const nameless = await open({ uri: proxy.uri, ssl: anyName });
        assert.ok(await isEncrypted(nameless));
        await nameless.close();
      }
    },
  );
}

test("a connect fails if no trusted authority has signed the certificate", async () => {
  for (const ssl of [{}, { ca: await otherAuthority() }]) {
    for (const options of [{ ssl }, { ssl: { ...ssl, verifyIdentity: false } }]) {
      const error = await refused(options);
      assert.equal(error.code, "HANDSHAKE_SSL_ERROR");
      assert.match(error.message, /sign|issuer/i);
    }
  }
});

test("one of several authorities is enough", async () => {
  const session = await open({ ssl: { ca: [await otherAuthority(), server.ca] } });
  assert.ok(await isEncrypted(session));
  await session.close();
});

test("rejectUnauthorized: false verifies nothing, or is refused on Deno", async () => {
  await using proxy = await startProxy(server, { host: "127.0.0.2" });
  for (const uri of [server.url(), proxy.uri]) {
    const options = { uri, ssl: { rejectUnauthorized: false } };
    if (runtime === "deno") {
      const { message } = await refused(options);
      assert.match(message, /Deno do not support `rejectUnauthorized: false`: take .*node/);
    } else {
      const session = await open(options);
      assert.ok(await isEncrypted(session));
      await session.close();
    }
  }
});

test("Node's sockets support every TLS option on every runtime", async () => {
  await using proxy = await startProxy(server, { host: "127.0.0.2" });
  const nodes = createConnector(nodeAdapter);
  const openByNode = (options: object): Promise<TestSession> =>
    nodes.connect(new Target(options), () => undefined, new AbortController().signal);
  const version = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" };
  for (
    const [uri, ssl] of [
      [server.url(), { ca: server.ca, ...version }],
      [proxy.uri, { rejectUnauthorized: false, ...version }],
    ] as const
  ) {
    const session = await openByNode({ uri, ssl });
    const [row] = await run(session, "SHOW STATUS LIKE 'Ssl_version'");
    assert.equal(row?.["Value"], "TLSv1.2");
    await session.close();
  }
  const wrong = openByNode({ uri: proxy.uri, ssl: { ca: server.ca, ...version } });
  await assert.rejects(wrong, { code: "HANDSHAKE_SSL_ERROR", message: /127\.0\.0\.2/ });
});

test("the upgrade to TLS works if the server's greeting arrives in pieces", async () => {
  await using proxy = await startProxy(server, { pieceBytes: 5 });
  const session = await open({ uri: proxy.uri, ssl: { ca: server.ca } });
  assert.ok(await isEncrypted(session));
  await session.close();
});

for (const way of ["TCP", "TLS", "a unix socket"]) {
  const options = (): object => ({
    "TCP": {},
    "TLS": { ssl: { ca: server.ca } },
    "a unix socket": { socketPath: server.socketPath },
  }[way] ?? {});

  test(`large values arrive whole in both directions over ${way}`, async () => {
    const session = await open(options());
    const value = Buffer.alloc(deep + 1000, "large values, ");
    const digest = createHash("md5").update(value).digest("hex");
    const sql = "SELECT MD5(value) AS digest, value FROM (SELECT ? AS value) AS given";
    const [row] = await run(session, sql, [value]);
    assert.equal(row?.["digest"], digest);
    assert.ok(Buffer.from(row?.["value"] as Uint8Array).equals(value));
    await session.close();
    await until(async () => await server.connectionCount() === 0, "it has closed");
  });

  test(`a session with an aborted statement ends at the server as well, over ${way}`, async () => {
    const session = await open(options());
    const abort = new AbortController();
    const statement = {
      sql: "SELECT SLEEP(0.3)",
      values: [],
      isPrepared: false,
      options: undefined,
    };
    const answer = session.run(statement, abort.signal);
    const reason = new Error("The user has left");
    abort.abort(reason);
    await assert.rejects(answer, reason);
    await session.close();
    await until(async () => await server.connectionCount() === 0, "the server has ended it");
  });

  test(`a session reports at once that the server has ended it, over ${way}`, async () => {
    const losses: Loss[] = [];
    const session = await open(options(), undefined, losses);
    session.setRef(false);
    await server.query(`KILL ${await one(session, "SELECT CONNECTION_ID()")}`);
    const loss = await until(() => losses[0], "the loss is reported");
    assert.equal(loss.byServer, true);
    assert.equal(session.isAlive, false);
  });
}

test("a connect aborted at any moment leaves no connection behind", async () => {
  const ssl = { ca: server.ca };
  for (const [chunksMax, way] of [[0, {}], [0, { ssl }], [1, {}], [1, { ssl }]] as const) {
    await using proxy = await startProxy(server, { chunksMax });
    const abort = new AbortController();
    const reason = new Error("Nobody waits any more");
    const connected = open({ uri: proxy.uri, ...way }, abort.signal);
    const expected = chunksMax === 0 ? 0 : 30;
    await until(
      () => proxy.links > 0 && proxy.received.toServer >= expected,
      "the connect is under way",
    );
    abort.abort(reason);
    await assert.rejects(connected, reason);
    if (runtime !== "deno") await until(() => proxy.links === 0, "its socket has closed");
  }
  await until(async () => await server.connectionCount() === 0, "nothing is left");
});
