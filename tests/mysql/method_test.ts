/** SQL methods: where their parameters are, and the errors of missing ones. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileMethod, type Method } from "../../src/mysql/method.ts";
import { closest } from "../../src/shell/did_you_mean.ts";

const compile = (sql: string): Method => compileMethod(sql, closest);

test("named parameters become question marks, each value as often as its name occurs", () => {
  const method = compile("SELECT * FROM t WHERE a = :a AND (b=:b OR c<:a) LIMIT :n");
  assert.equal(method.sql, "SELECT * FROM t WHERE a = ? AND (b=? OR c<?) LIMIT ?");
  assert.deepEqual(method.bind({ n: 10, a: 1, b: null }), [1, null, 1, 10]);
});

test("strings, quoted names and comments have no parameters", () => {
  const sql =
    "SELECT ':a', \":b ?\", `:c`, 'it''s :d', 'a\\':e' /* :f ? */ -- :g\n, # ?\n @x:=1, a::b";
  const method = compile(sql);
  assert.equal(method.sql, sql);
  assert.deepEqual(method.bind(undefined), []);
  assert.deepEqual(method.bind({}), []);
  assert.equal(compile("SELECT 1 /*!50000 + :a */").sql, "SELECT 1 /*!50000 + ? */");
  assert.equal(compile("SELECT 5--:a").sql, "SELECT 5--?");
});

test("question marks are parameters by their position", () => {
  const method = compile("SELECT * FROM t WHERE a = ? AND b = '?' AND c = ?");
  assert.deepEqual(method.bind([1, null]), [1, null]);
  assert.throws(() => method.bind([1]), /Parameter 2 of 2 is missing/);
  assert.throws(() => method.bind([1, undefined]), /Parameter 2 of 2 is missing/);
  assert.throws(() => method.bind([1, 2, 3]), /has 2 parameters, 3 were given/);
  assert.throws(() => method.bind({ a: 1 }), /must be an array of 2: received object/);
});

test("an error names a missing parameter, and the closest one to an unknown name", () => {
  const method = compile("SELECT * FROM t WHERE id = :id AND email = :email");
  assert.throws(() => method.bind({ id: 1 }), /Parameter :email is missing/);
  assert.throws(() => method.bind({ id: 1, email: undefined }), /Parameter :email is missing/);
  assert.throws(
    () => method.bind({ id: 1, emial: 2 }),
    /no parameter :emial; did you mean :email\?/,
  );
  assert.throws(() => method.bind([1]), /an object with :id, :email: received an array/);
  assert.throws(() => method.bind(undefined), /received undefined/);
});

test("named and positional parameters in one statement are an error", () => {
  assert.throws(() => compile("SELECT :a, ?"), /both :a and \?/);
});

test("an inherited property of the arguments is no value, and a name may be any word", () => {
  const method = compile("SELECT :größe, :_a1, :$b");
  assert.deepEqual(method.bind({ größe: 1, _a1: 2, $b: 3 }), [1, 2, 3]);
  assert.throws(() => compile("SELECT :constructor").bind({}), /:constructor is missing/);
});
