/** By its types, a method has the parameters and the result that its literal text shows. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, type Pool, type ResultHeader, type Row } from "../../mod.ts";
import type { ArgsOf, ResultOf } from "../../mod.ts";

type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false;

/** Compiles only if the types say so. */
function holds<_ extends true>(): void {}

test("a literal text names its parameters", () => {
  holds<
    Same<
      ArgsOf<"SELECT :id, :id, :name_2 AS x">,
      { readonly id: unknown; readonly name_2: unknown }
    >
  >();
  holds<Same<ArgsOf<"SELECT ?, ?">, readonly unknown[]>>();
  holds<Same<ArgsOf<"SELECT 1">, void>>();
  holds<
    Same<ArgsOf<"SELECT '12:30', 'a:b', \":c\", `:d` /* :e */, :f">, { readonly f: unknown }>
  >();
  holds<Same<ArgsOf<"SET @a := 1">, void>>();
  assert.ok(true);
});

test("quotes and comments within each other hide no parameters", () => {
  type F = { readonly f: unknown };
  type FG = { readonly f: unknown; readonly g: unknown };
  holds<Same<ArgsOf<`SELECT "it's", :f, 'x'`>, F>>();
  holds<Same<ArgsOf<"SELECT '/*', :f, '*/'">, F>>();
  holds<Same<ArgsOf<"SELECT 'a''b :x', :f">, F>>();
  holds<Same<ArgsOf<"SELECT :f -- it's :x\n, :g, 'x' # :y">, FG>>();
  holds<Same<ArgsOf<"--\nSELECT :f --\t:x">, F>>();
  assert.ok(true);
});

test("a text that the compiler cannot read for certain takes any parameters", () => {
  type Any = ArgsOf<string>;
  holds<Same<ArgsOf<"SELECT 'it\\'s :f', :g, 'x'">, Any>>();
  holds<Same<ArgsOf<"SELECT 1 /*!50000 + :a */">, Any>>();
  holds<Same<ArgsOf<"SELECT 5--:a">, Any>>();
  holds<Same<ArgsOf<"SELECT 'open">, Any>>();
  assert.ok(true);
});

test("a literal text tells whether it returns a header or rows", () => {
  holds<Same<ResultOf<"INSERT INTO t VALUES (1)">, ResultHeader>>();
  holds<Same<ResultOf<" \n update t SET v = 1">, ResultHeader>>();
  holds<Same<ResultOf<"/* a */ INSERT INTO t (v) VALUES ('RETURNING')">, ResultHeader>>();
  holds<Same<ResultOf<"INSERT INTO t (v) VALUES ('\\n')">, ResultHeader>>();
  holds<Same<ResultOf<"CREATE TABLE t (id INT)">, ResultHeader>>();
  holds<Same<ResultOf<"DELETE FROM t RETURNING id">, Row>>();
  holds<Same<ResultOf<"SELECT 1">, Row>>();
  assert.ok(true);
});

/** Calls that compile, and calls that do not; none of them runs. */
export async function calls(db: Pool<"main">, text: string): Promise<void> {
  const [row] = await db.method("SELECT :id AS id")({ id: 7 });
  const { insertId, affectedRows } = await db.method("INSERT INTO t VALUES (:v)")({ v: 1 });
  holds<Same<typeof row, Row | undefined>>();
  holds<Same<[typeof insertId, typeof affectedRows], [number, number]>>();
  await db.method("SELECT 1")();
  await db.method("SELECT ?")([1]);
  await db.method(text)({ id: 7 });
  await db.method(text)();
  const orders = await db.method<{ id: number }, { sku: string }>("SELECT :id")({ id: 7 });
  holds<Same<typeof orders, { sku: string }[]>>();
  const header = await db.method<{ v: number }, ResultHeader>(text)({ v: 1 });
  holds<Same<typeof header, ResultHeader>>();
  await db.unit((unit) => unit.method("SELECT :id AS id")({ id: 7 }));
  // @ts-expect-error: the name is misspelt
  await db.method("SELECT :id")({ ids: 7 });
  // @ts-expect-error: a value is missing
  await db.method("SELECT :id, :name")({ id: 7 });
  // @ts-expect-error: it has no parameters
  await db.method("SELECT 1")([1]);
  const [rows] = await db.query<ResultHeader>("INSERT INTO t VALUES (1)");
  holds<Same<typeof rows, ResultHeader>>();
}

test("a text that cannot be compiled is an error at the caller's line", async () => {
  await using db = createPool("mysql://app:secret@127.0.0.1:1/test");
  assert.throws(() => db.method("SELECT :id, ?"), (error: Error) => {
    const [line] = (error.stack ?? "").split("\n").filter((line) => /^\s*at /.test(line));
    return /both :id and \?/.test(error.message) && /method_test/.test(line ?? "");
  });
});
