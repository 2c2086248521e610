/**
 * Names that every object has (`__proto__`, `constructor`, `toString` …) are no options anywhere,
 * and the pool does not ignore a value that is no options object.
 */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { inspect } from "node:util";
import { createPool } from "../../mod.ts";
import compat from "../../src/entries/compat.ts";
import { refused } from "../support/asking.ts";

const names: readonly string[] = Object.getOwnPropertyNames(Object.prototype);
const values: readonly string[] = ["1", "x", '{"host":"elsewhere"}', '{"rejectUnauthorized":true}'];
const uri = "mysql://app:secret@127.0.0.1:1/test";
const invalid = { code: "OPTION_INVALID" };

let before: object;

const inherited = (): object => Object.getOwnPropertyDescriptors(Object.prototype);

beforeEach(() => void (before = inherited()));

afterEach(() => assert.deepEqual(inherited(), before));

/** Returns an object with an own property of any name. */
function having(name: string, value: unknown): object {
  return Object.fromEntries([[name, value]]);
}

test("inherited names are refused in a URI, whatever their value", () => {
  assert.ok(names.includes("__proto__"));
  for (const name of names) {
    for (const value of values) {
      const asked = `${uri}?${name}=${encodeURIComponent(value)}`;
      assert.throws(() => createPool(asked), invalid, asked);
      assert.throws(() => createPool({ uri: asked }), invalid, asked);
      assert.throws(() => compat.createPool(asked), invalid, asked);
      assert.throws(() => compat.createPool({ uri: asked }), invalid, asked);
    }
  }
});

test("inherited names are refused as options, also per connection, and as TLS profile", () => {
  for (const name of names) {
    const option = having(name, {});
    assert.throws(() => createPool({ uri, ...option }), invalid, name);
    assert.throws(() => createPool({ uri, connections: { main: option } }), invalid, name);
    assert.throws(() => createPool({ uri, ssl: name }), invalid, name);
    assert.throws(() => createPool(`${uri}?ssl=${name}`), invalid, name);
  }
});

test("a unit's bind refuses inherited names, as connections and as options", async () => {
  await using db = createPool({ uri, shared: false });
  const unit = (bind: unknown): Promise<unknown> => db.unit(() => "run", { bind } as never);
  for (const name of names) {
    await refused(unit(having(name, {})), "OPTION_INVALID");
    await refused(unit(having(name, undefined)), "OPTION_INVALID");
    await refused(unit({ main: having(name, "x") }), "OPTION_INVALID");
  }
  for (const none of [null, [], 5, "database", true, () => ({})]) {
    await refused(unit({ main: none }), "OPTION_INVALID");
    await refused(unit(none), "OPTION_INVALID");
  }
  assert.equal(await unit({ main: undefined }), "run");
  assert.equal(await unit(undefined), "run");
});

test("a URI that is not set is refused, and never means this machine", () => {
  const message = /^Option uri must be mysql:.*; is an environment variable, such as DATABASE_URL/;
  for (const create of [createPool, compat.createPool]) {
    for (const unset of [undefined, null, ""]) {
      for (const options of [unset, { uri: unset }, { uri: unset, user: "app", host: "" }]) {
        assert.throws(() => create(options as never), { ...invalid, message });
      }
    }
    create({ uri: undefined, host: "127.0.0.1" });
    create({ uri: undefined, socketPath: "/tmp/mysql.sock" });
  }
  const cluster = compat.createPoolCluster();
  for (const node of [["reports"], ["reports", undefined], [undefined], [uri]] as never[][]) {
    assert.throws(() => Reflect.apply(cluster.add, cluster, node), { ...invalid, message });
  }
  const part = { uri: undefined, database: "reports" };
  assert.throws(() => createPool({ uri, connections: { part } }), { ...invalid, message });
  assert.throws(() => createPool({ uri: (() => undefined) as never }), { ...invalid, message });
});

test("a URI with a character that must be encoded is refused, once and without the secret", () => {
  const starts = ["50%off", "%ff", "pa#ss", "12#ss", "12/ss", "12?ss", "pa/ss", "pa?ss"];
  starts.push("p@ss/", "p@ss?", "p@ss#", "12?ss=", "p@ss?x=", "12/x?", "pa/ss@");
  for (const password of starts.map((start) => `${start}hunter2`)) {
    const asked = `mysql://app:${password}@127.0.0.1:1/test`;
    const encoded = `mysql://app:${encodeURIComponent(password)}@127.0.0.1:1/test`;
    for (const create of [createPool, compat.createPool]) {
      for (const options of [asked, { uri: asked }]) {
        assert.throws(() => create(options), (error: Error & { code?: unknown }) => {
          assert.equal(error.code, "OPTION_INVALID", password);
          assert.match(error.message, /encodeURIComponent/);
          const shown = inspect(error, { showHidden: true, depth: 9 });
          assert.doesNotMatch(shown, /hunter2/);
          return true;
        });
      }
      create(encoded);
    }
  }
});

test("a message about an option stands once in its printed error", () => {
  for (const options of [{ port: 70000 }, { uri: "postgres://h/d" }]) {
    assert.throws(() => createPool(options), (error) => {
      assert.equal(inspect(error).match(/must be/g)?.length, 1);
      return true;
    });
  }
});

test("a value that is no object is refused as options", () => {
  for (const none of [null, undefined, [], 5, true, () => ({})]) {
    assert.throws(() => createPool(none as never), invalid, String(none));
    const connections = { main: none } as never;
    if (none !== undefined) assert.throws(() => createPool({ uri, connections }), invalid);
  }
});
