/**
 * On real servers: the pool's assumptions about their SQL hold. No stored function hides a built-in
 * one, the analyser reads texts as the server does, and knows what ends a transaction.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, createConnection } from "mysql2/promise";
import fc from "fast-check";
import { builtinsOf, mustBeAdjacent } from "../../src/mysql/builtin_functions.ts";
import {
  ANSI_QUOTES,
  IGNORE_SPACE,
  MODE_UNKNOWN,
  NO_BACKSLASH_ESCAPES,
} from "../../src/mysql/lexer.ts";
import { analyserOf } from "../../src/mysql/statement.ts";
import { areHarmless } from "../../src/mysql/text_reading.ts";
import { onBoth, serversOf } from "../support/both.ts";
import { lackOf } from "../support/server_binary.ts";
import { closing, endings, prepared } from "./endings.ts";

const withServer = onBoth(serversOf(["--log-bin-trust-function-creators=1"]));

/** Two connections of root to a server, in a test's own database, and the server's version. */
interface Place {
  readonly connection: Connection;
  readonly observer: Connection;
  readonly version: string;
}

function testOnBoth(name: string, fn: (place: Place) => Promise<void>): void {
  withServer(name, async (server) => {
    const options = { uri: server.rootUrl, multipleStatements: true };
    const connection = await createConnection(options);
    const observer = await createConnection(options);
    try {
      const database = name.replaceAll(/\W/g, "_").slice(0, 40);
      for (const each of [connection, observer]) {
        await each.query(`CREATE DATABASE IF NOT EXISTS ${database}; USE ${database}`);
      }
      const version = await one(observer, "SELECT VERSION()");
      await fn({ connection, observer, version: String(version) });
    } finally {
      await connection.end();
      await observer.end();
    }
  });
}

async function one(connection: Connection, sql: string): Promise<unknown> {
  const [rows] = await connection.query({ sql, rowsAsArray: true });
  const [row] = rows as unknown[][];
  return row?.[0];
}

/** Returns the number of a statement's error, 0 if there is none. */
async function errnoOf(connection: Connection, sql: string): Promise<number> {
  return await connection.query(sql).then(() => 0, ({ errno }) => Number(errno ?? -1));
}

/** ER_SP_WRONG_NO_OF_ARGS: the call reached a stored function. */
const otherArguments = 1318;
/** ER_SP_DOES_NOT_EXIST: no function has this name. */
const noFunction = 1305;

testOnBoth("no stored function hides a built-in one", async ({ connection, version }) => {
  const names = [...builtinsOf(version).names, "get_lock", "mine"];
  const define = (name: string): string =>
    `CREATE FUNCTION \`${name}\`() RETURNS INT
       BEGIN SET @hits = CONCAT(@hits, ' ', '${name}'); RETURN 1; END`;
  await connection.query(`SET @hits = ''; ${names.map(define).join(";")}`);
  const called: Set<string> = new Set();
  for (const isSpaceIgnored of [false, true]) {
    await connection.query("SET sql_mode = ?", [isSpaceIgnored ? "IGNORE_SPACE" : ""]);
    for (const name of names) {
      const isApart = isSpaceIgnored || !mustBeAdjacent(name);
      for (const call of isApart ? ["()", "(1)", " ()"] : ["()"]) {
        const errno = await errnoOf(connection, `DO ${name}${call}`);
        if (errno === otherArguments) called.add(name);
      }
    }
  }
  const hits = String(await one(connection, "SELECT @hits"));
  for (const name of hits.split(" ").slice(1)) called.add(name);
  assert.deepEqual([...called], ["mine"]);
});

/** Functions that leave state, functions that only the server's own views may call, and types. */
const left = new RegExp(
  "^(?:get_lock|can_access_|get_dd_|get_jdv|internal_|is_visible_dd|remove_dd|innodb_|convert_|" +
    "asynchronous_connection_|.*_oracle$|varchar2$|varcharacter$|text$)",
);

testOnBoth("the analyser knows the functions of the help", async ({ connection, version }) => {
  const { names } = builtinsOf(version);
  const [topics] = await connection.query("SELECT name, description FROM mysql.help_topic");
  const missing: string[] = [];
  let count = 0;
  for (const topic of topics as { name: string; description: string }[]) {
    const name = topic.name.toLowerCase();
    if (!/^\w+$/.test(name) || !topic.description.includes(`${topic.name}(`)) continue;
    const errno = await errnoOf(connection, `DO ${name}()`);
    if (errno === noFunction) continue;
    count++;
    if (!names.has(name) && !left.test(name)) missing.push(name);
  }
  assert.ok(count > 150, `there are ${count}`);
  assert.deepEqual(missing, []);
});

/** Returns how a statement ended the transaction around it; "open" if it did not. */
async function fateBy(
  { connection, observer }: Place,
  sql: string,
  id: number,
): Promise<"committed" | "rolled back" | "open"> {
  const isThere = async (): Promise<boolean> =>
    Number(await one(observer, `SELECT COUNT(*) FROM m WHERE id = ${id}`)) > 0;
  await connection.query(`START TRANSACTION; INSERT INTO m VALUES (${id})`);
  await errnoOf(connection, sql);
  if (await isThere()) return "committed";
  await connection.query("COMMIT");
  return await isThere() ? "open" : "rolled back";
}

const endedBy: Map<string, string[]> = new Map();

testOnBoth("the analyser knows each statement that ends a transaction", async (place) => {
  const { connection, version } = place;
  for (const sql of prepared) await connection.query(sql);
  const analyser = analyserOf(version, []);
  for (const [id, sql] of endings.entries()) {
    const fate = await fateBy(place, sql, id);
    for (const close of closing) await errnoOf(connection, close);
    if (fate === "open") continue;
    assert.notEqual(analyser.analyse(sql, 0).endsTransaction, undefined, `${sql}: ${fate}`);
    endedBy.set(sql, [...endedBy.get(sql) ?? [], version]);
  }
  assert.equal(await fateBy(place, "SET autocommit = 1", -1), "open");
  await connection.query("SET autocommit = 0");
  assert.equal(await fateBy(place, "SET autocommit = 1", -2), "committed");
});

test("the analyser flags no statement as ending a transaction that neither server ends by it", {
  skip: lackOf("mysql") ?? lackOf("mariadb") ?? false,
}, () => {
  const analyser = analyserOf("9.7.4", []);
  const known = endings.filter((sql) => analyser.analyse(sql, 0).endsTransaction !== undefined);
  assert.deepEqual(known.filter((sql) => !endedBy.has(sql)), []);
});

testOnBoth("no other variable depends on the statement before", async ({ connection }) => {
  const values = async (): Promise<Map<string, string>> => {
    const [rows] = await connection.query("SHOW SESSION VARIABLES");
    type Row = { Variable_name: string; Value: string };
    return new Map((rows as Row[]).map((row) => [row.Variable_name, row.Value]));
  };
  await connection.query("CREATE TABLE ids (id INT PRIMARY KEY AUTO_INCREMENT)");
  const changed: Set<string> = new Set();
  let before = await values();
  for (
    const sql of [
      "INSERT INTO ids VALUES (NULL), (NULL)",
      "SELECT 1 / 0",
      "SELECT nonsense",
      "SELECT SQL_CALC_FOUND_ROWS * FROM ids LIMIT 1",
      "UPDATE ids SET id = 77 WHERE id = 1",
      "SELECT LAST_INSERT_ID(99), RAND()",
    ]
  ) {
    await errnoOf(connection, sql);
    const after = await values();
    for (const [name, value] of after) if (before.get(name) !== value) changed.add(name);
    before = after;
  }
  for (const name of ["timestamp", "rand_seed1", "rand_seed2", "statement_id"]) {
    changed.delete(name);
  }
  assert.deepEqual([...changed].sort(), ["identity", "last_insert_id"]);
});

/** Pieces of texts that servers, the driver and the analyser may read differently. */
const pieces: readonly string[] = [
  ..."'\"`\\#;?,()-/*\n\0\x01\x7f$@:".split(""),
  ...[
    "/*",
    "*/",
    "/*!",
    "/*!99999 ",
    "/*!50000 ",
    "/*M!",
    "/*+",
    "--",
    "-- ",
    "--\x7f",
    "$$",
    "''",
  ],
  ...[
    "hit()",
    "hit()",
    "hit ()",
    "hit ",
    "`hit`()",
    '"hit"()',
    "ABS(1)",
    "1",
    "a",
    " ",
    "AS",
    "SELECT ",
  ],
  ..."?? ?".split(" "),
];

const modes: readonly (readonly [sqlMode: string, mode: number])[] = [
  ["", 0],
  ["ANSI_QUOTES", ANSI_QUOTES],
  ["NO_BACKSLASH_ESCAPES", NO_BACKSLASH_ESCAPES],
  [
    "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,IGNORE_SPACE",
    ANSI_QUOTES | NO_BACKSLASH_ESCAPES | IGNORE_SPACE,
  ],
];

testOnBoth("a text that should leave nothing calls nothing", async ({ connection, version }) => {
  await connection.query(
    "CREATE FUNCTION hit() RETURNS INT BEGIN SET @hit = 1; RETURN 1; END; SET @hit = 0",
  );
  const analyser = analyserOf(version, []);
  let certain = 0;
  let hits = 0;
  const text = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 9 })
    .map((parts) => `SELECT 1, ${parts.join("")}`);
  const value = fc.oneof(
    fc.constantFrom("', hit(), '", "\\', hit(), \\'", "*/ hit() /*", "\nhit()", 5, -1, null),
    fc.array(fc.constantFrom("x", "', hit() -- ", ["y"], [])),
    fc.constantFrom({}, { a: 1 }),
  );
  for (const [sqlMode, bits] of modes) {
    await connection.query("SET sql_mode = ?", [sqlMode]);
    const property = fc.asyncProperty(
      text,
      fc.array(value, { maxLength: 3 }),
      fc.constantFrom(bits, bits & NO_BACKSLASH_ESCAPES | MODE_UNKNOWN),
      async (template, values, mode) => {
        const isCertain = areHarmless(template, values, mode) &&
          analyser.analyse(template, mode).effect === "none";
        const sql = connection.format(template, values);
        const isCertainWhole = analyser.analyse(sql, mode).effect === "none";
        await errnoOf(connection, sql);
        const isHit = Number(await one(connection, "SELECT @hit")) === 1;
        if (isCertain || isCertainWhole) certain++;
        if (!isHit) return;
        hits++;
        await connection.query("SET @hit = 0");
        assert.ok(!isCertain && !isCertainWhole, JSON.stringify([template, values, sqlMode]));
      },
    );
    await fc.assert(property, { numRuns: 400 });
  }
  assert.ok(certain > 10 && hits > 10, `${certain} are certain, ${hits} call`);
});
