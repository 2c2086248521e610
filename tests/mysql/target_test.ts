/** Targets: which options they take, and which targets are equal. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { driverOptionsOf } from "../../src/mysql/driver_options.ts";
import { expandUri, Target, TargetOptionError, targetOptionNames } from "../../src/mysql/mod.ts";

test("a URI can say all that options can, and options beside it win", () => {
  const target = new Target({
    uri: "mysql://us%40er:p%2Fw@[::1]:3307/shop?timezone=Z&ssl=" +
      encodeURIComponent('{"rejectUnauthorized":false}'),
    database: "reports",
    user: undefined,
  });
  assert.deepEqual(target.address.host, "::1");
  assert.equal(target.address.port, 3307);
  assert.equal(target.user, "us@er");
  assert.equal(target.database, "reports");
  const options = driverOptionsOf(target);
  assert.equal(options.timezone, "Z");
  assert.deepEqual(options.ssl, { rejectUnauthorized: false, verifyIdentity: false });
});

test("a URI that turns TLS off, as Hyperdrive's does, gives a target without TLS", () => {
  for (const mode of ["ssl-mode=disabled", "ssl-mode=DISABLED", "sslmode=disable"]) {
    const target = new Target({ uri: `mysql://u:p@h/d?${mode}`, ssl: undefined });
    assert.equal(target.address.isSecured, false, mode);
    assert.equal(driverOptionsOf(target).ssl, undefined, mode);
  }
  const uri = "mysql://u:p@h/d?ssl-mode=disabled";
  assert.equal(new Target({ uri, ssl: {} }).address.isSecured, true);
  assert.throws(() => new Target({ uri: "mysql://h/d?ssl-mode=perhaps" }), TargetOptionError);
});

/** Returns a target's TLS settings: whether TLS is optional, and what is verified. */
function demandOf(options: object): string {
  const { tls } = new Target(options);
  if (tls === undefined) return "plain";
  const { isOptional, isChainVerified, isNameVerified } = tls;
  return `${isOptional ? "perhaps" : "TLS"}, ${isChainVerified}, ${isNameVerified}`;
}

/** Hosts that are this machine or its network. */
const here = [
  "localhost",
  "LocalHost",
  "127.0.0.1",
  "127.9.9.9",
  "127.1",
  "127.000.000.001",
  "0x7f.0.0.1",
  "2130706433",
  "::1",
  "[::1]",
  "0:0:0:0:0:0:0:1",
  "0::1",
  "::ffff:127.0.0.1",
  "::FFFF:7F00:1",
  "localhost.",
  "LOCALHOST.",
  "shop.localhost",
  "",
  "0a.hyperdrive.local",
];

/** Hosts that are not, or may not be. */
const elsewhere = [
  "db",
  "db.local",
  "10.0.0.1",
  "0.0.0.0",
  "127.example.com",
  "localhost.example.com",
  "notlocalhost",
  "localhost..",
  "127.0.0.1.example.com",
  "::",
  "1::1",
  "::ffff:10.0.0.1",
  "fe80::1%lo",
  "::1]@db",
  "127.0.0.1.",
  "127.0.0.1/db",
  "127.0.0.999",
  "127.0.0.1:3306",
  "1.127.0.0",
];

test("by default remote hosts are encrypted, and this machine is not", () => {
  for (const host of here) assert.equal(demandOf({ host }), "plain", host);
  assert.equal(demandOf({}), "plain");
  assert.equal(demandOf({ host: "db", socketPath: "/s" }), "plain");
  for (const host of elsewhere) {
    assert.equal(demandOf({ host }), "TLS, undefined, undefined", host);
  }
  assert.equal(demandOf({ host: "db", ssl: false }), "plain");
});

test("an IPv6 address may stand in brackets, as an option and in a URI", () => {
  for (const options of [{ host: "[::1]" }, { host: "::1" }, { uri: "mysql://[::1]/d" }]) {
    assert.equal(new Target(options).address.host, "::1");
  }
});

test("tls sets how strict TLS is, and ssl sets how it is verified", () => {
  const demands: [object, string][] = [
    [{ tls: "prefer" }, "perhaps, undefined, undefined"],
    [{ tls: "require" }, "TLS, undefined, undefined"],
    [{ tls: "verify" }, "TLS, true, true"],
    [{ ssl: {} }, "TLS, true, true"],
    [{ ssl: "Amazon RDS" }, "TLS, true, true"],
    [{ ssl: { rejectUnauthorized: false } }, "TLS, false, true"],
    [{ tls: "require", ssl: { ca: "a" } }, "TLS, true, undefined"],
    [{ tls: "require", ssl: { verifyIdentity: true } }, "TLS, true, true"],
    [{ tls: "require", ssl: "Amazon RDS" }, "TLS, true, undefined"],
    [{ tls: "prefer", ssl: { ca: "a", verifyIdentity: true } }, "perhaps, true, true"],
    [{ tls: "verify", ssl: { verifyIdentity: false } }, "TLS, true, false"],
    [{ uri: "mysql://h/d?ssl-mode=PREFERRED" }, "perhaps, undefined, undefined"],
    [{ uri: "mysql://h/d?ssl-mode=REQUIRED" }, "TLS, undefined, undefined"],
    [{ uri: "mysql://h/d?ssl-mode=VERIFY_CA" }, "TLS, true, false"],
    [{ uri: "mysql://h/d?ssl-mode=VERIFY_IDENTITY" }, "TLS, true, true"],
  ];
  for (const [options, demand] of demands) {
    for (const host of ["localhost", "db"]) {
      const given = "uri" in options ? options : { host, ...options };
      assert.equal(demandOf(given), demand, JSON.stringify(given));
    }
  }
  assert.throws(
    () => new Target({ tls: "verify", ssl: false }),
    /tls .*left out where ssl is false/,
  );
  assert.throws(
    () => new Target({ tls: "verify", ssl: { rejectUnauthorized: false } }),
    /ssl.rejectUnauthorized/,
  );
});

test("targets that differ in their TLS settings do not share connections", () => {
  const [one, other] = [new Target({ host: "h", tls: "require" }), new Target({ host: "h" })];
  assert.notEqual(one.key, other.key);
  assert.notEqual(one.addressKey, other.addressKey);
});

test("expandUri keeps the pool options of a URI", () => {
  assert.deepEqual(expandUri({ uri: "mysql://h/d?connectionLimit=5", queueLimit: null }), {
    connectionLimit: 5,
    host: "h",
    database: "d",
  });
});

test("an error names an option that is unknown or has an invalid value", () => {
  const faults: [object, string][] = [
    [{ port: 70000 }, "port"],
    [{ timezone: "Berlin" }, "timezone"],
    [{ uri: "postgres://h/d" }, "uri"],
    [{ password: 5 }, "password"],
    [{ ssl: true }, "ssl"],
    [{ tls: true }, "tls"],
    [{ initSql: [1] }, "initSql"],
    [{ connectTimeout: -1 }, "connectTimeout"],
    [{ hots: "h" }, "hots"],
    [{ toString: 1 }, "toString"],
  ];
  for (const [options, option] of faults) {
    assert.throws(
      () => new Target(options),
      (error) => error instanceof TargetOptionError && error.option === option,
      option,
    );
  }
  assert.ok(targetOptionNames.includes("initSql"));
});

test("equal options make equal targets, whatever their order", () => {
  const password = (): string => "secret";
  const one = new Target({ host: "h", user: "u", ssl: { ca: Buffer.from("x") }, password });
  const same = new Target({ password, ssl: { ca: Buffer.from("x") }, user: "u", host: "h" });
  assert.equal(one.key, same.key);
  for (const other of [{ user: "v" }, { password: (): string => "secret" }, { initSql: "DO 1" }]) {
    assert.notEqual(one.overrides(other).key, one.key);
    assert.equal(one.overrides(other).addressKey, one.addressKey);
  }
});

test("an option that a new login cannot change makes another address", () => {
  const one = new Target({ host: "h", user: "u" });
  const others = [{ port: 3307 }, { ssl: {} }, { timezone: "Z" }, { socketPath: "/s" }] as const;
  for (const other of [...others, { multipleStatements: true }, { keepAliveInitialDelay: 1 }]) {
    assert.notEqual(one.overrides(other).addressKey, one.addressKey);
  }
});

test("a password distinguishes targets, and nothing shows it", () => {
  const one = new Target({ uri: "mysql://u:hunter2@h/d" });
  const other = new Target({ uri: "mysql://u:hunter3@h/d" });
  assert.notEqual(one.key, other.key);
  const shown = inspect(one, { depth: 9, showHidden: true }) + JSON.stringify(one) + String(one);
  assert.doesNotMatch(shown, /hunter2/);
  assert.throws(
    () => new Target({ password: ["hunter2"] }),
    (error) => !String(error).includes("hunter2"),
  );
});

test("overrides change what they name; another host drops the unix socket", () => {
  const home = new Target({ uri: "mysql://u:p@h:3307/d", socketPath: "/s" });
  const over = home.overrides({ uri: "mysql://g/e" });
  assert.deepEqual([over.address.host, over.address.port], ["g", 3307]);
  assert.equal(over.address.socketPath, undefined);
  assert.deepEqual([over.user, over.database], ["u", "e"]);
  assert.equal(home.overrides({}).key, home.key);
});

test("the server may ask for files only with LOCAL_FILES or infileStreamFactory", () => {
  const flags = (options: object): unknown => driverOptionsOf(new Target(options)).flags;
  assert.deepEqual(flags({}), ["-LOCAL_FILES"]);
  assert.deepEqual(flags({ flags: "-FOUND_ROWS" }), ["-FOUND_ROWS", "-LOCAL_FILES"]);
  assert.deepEqual(flags({ flags: ["LOCAL_FILES"] }), ["LOCAL_FILES"]);
  assert.deepEqual(flags({ infileStreamFactory: (): void => undefined }), []);
  assert.equal(driverOptionsOf(new Target({})).multipleStatements, undefined);
});
