/** Files that a server demands: it gets those that the statement names, and no others. */

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import compat from "../../src/entries/compat_promise.ts";
import { filesOf } from "../../src/mysql/infile.ts";
import { failure, one, threadOf } from "../support/asking.ts";
import { type Server, startServer } from "../support/server.ts";
import { lackOf } from "../support/server_binary.ts";
import { type Conduct, packet, startHostile } from "./hostile_server.ts";

const load = "LOAD DATA LOCAL INFILE 'a.csv' INTO TABLE t";

test("filesOf finds the files that a text loads, and none in its strings and comments", () => {
  const cases: readonly [sql: string, files: readonly string[]][] = [
    [load, ["a.csv"]],
    ['/* x */ -- y\n# z\n load data low_priority local infile "b" into table t', ["b"]],
    ["LOAD XML CONCURRENT LOCAL/**/INFILE/* 'no' */'b' INTO TABLE t", ["b"]],
    ["/*!50000 LOAD DATA */ /*M! LOCAL */ INFILE 'b' INTO TABLE t", ["b"]],
    ["SELECT 1; LOAD DATA LOCAL INFILE 'b' INTO TABLE t; " + load, ["b", "a.csv"]],
    ["LOAD DATA LOCAL INFILE 'it''s' INTO TABLE t", ["it's"]],
    ["LOAD DATA LOCAL INFILE 'C:\\\\x\\'y' INTO TABLE t", ["C:\\\\x\\'y", "C:\\x'y"]],
    ["LOAD DATA INFILE 'b' INTO TABLE t", []],
    ["SELECT 'LOAD DATA LOCAL INFILE ''b'' INTO TABLE t'", []],
    ["SELECT \"LOAD DATA LOCAL INFILE 'b'\", `LOAD DATA LOCAL INFILE 'b'`", []],
    ["/* LOAD DATA LOCAL INFILE 'b' */ SELECT 1 -- LOAD DATA LOCAL INFILE 'b'", []],
    ["SELECT local, infile 'b'", []],
    ["", []],
  ];
  for (const [sql, files] of cases) assert.deepEqual([...new Set(filesOf(sql))], files, sql);
});

const demand = (name: string): Buffer => packet(1, Buffer.from(`\xfb${name}`, "latin1"));
const prepared = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Returns a stream factory that notes each path it opens. */
function factory(opened: string[]): (path: string) => Readable {
  return (path) => {
    opened.push(path);
    return Readable.from([Buffer.from("content-of-a-file")]);
  };
}

interface Attack {
  readonly asks: (db: Pool<"main">, more: object) => Promise<unknown>;
  readonly name: string;
}

const attacks: Readonly<Record<string, Attack>> = {
  "a SELECT": { asks: (db) => db.query("SELECT 1"), name: "/etc/passwd" },
  "a SELECT that quotes a LOAD": { asks: (db) => db.query("SELECT ?", [load]), name: "a.csv" },
  "a SELECT behind a comment": { asks: (db) => db.query(`/* ${load} */ SELECT 1`), name: "a.csv" },
  "a LOAD of another file": { asks: (db) => db.query(load), name: "/etc/passwd" },
  "a LOAD on the server": {
    asks: (db) => db.query("LOAD DATA INFILE 'a.csv' INTO TABLE t"),
    name: "a.csv",
  },
  "a prepared SELECT": { asks: (db) => db.execute("SELECT 1"), name: "/etc/passwd" },
  "a prepared LOAD of another file": { asks: (db) => db.execute(load), name: "/etc/passwd" },
  "a statement that has a factory of its own": {
    asks: (db, more) => db.query({ sql: "SELECT 1", ...more }),
    name: "/etc/passwd",
  },
  "a statement of the driver's connection": {
    async asks(db) {
      await using lease = await db.lease();
      return await lease.connection.promise().query("SELECT 1");
    },
    name: "/etc/passwd",
  },
  "a statement that its user has prepared": {
    async asks(db) {
      await using lease = await db.lease();
      const statement = await lease.connection.promise().prepare("SELECT 1");
      return await statement.execute([]);
    },
    name: "/etc/passwd",
  },
};

/** Answers each statement with a demand for a file. */
function demanding(name: string): Conduct {
  return (socket) => void socket.write(demand(name));
}

for (const [what, { asks, name }] of Object.entries(attacks)) {
  test(`a server that answers ${what} with a demand for a file gets none`, async () => {
    const opened: string[] = [];
    await using hostile = await startHostile("secret", {
      prepares: (socket) => void socket.write(packet(1, prepared)),
      answers: demanding(name),
    });
    const infileStreamFactory = factory(opened);
    await using db = createPool({ uri: hostile.uri, shared: false, infileStreamFactory });
    const error = await failure(asks(db, { infileStreamFactory }));
    assert.equal(Object(error).code, "PROTOCOL_ERROR", String(error));
    assert.match(String(error), /asks for the file/);
    assert.deepEqual(opened, []);
    assert.doesNotMatch(hostile.heard.toString("latin1"), /content-of-a-file/);
  });
}

test("a server gets no file from a pool with mysql2's interface either", async () => {
  const opened: string[] = [];
  await using hostile = await startHostile("secret", { answers: demanding("/etc/passwd") });
  const infileStreamFactory = factory(opened);
  const pool = compat.createPool({ uri: hostile.uri, infileStreamFactory });
  for (const sql of ["SELECT 1", load]) {
    const error = await failure(pool.query({ sql, infileStreamFactory } as never));
    assert.equal(Object(error).code, "PROTOCOL_ERROR", String(error));
  }
  assert.deepEqual(opened, []);
  await pool.end();
});

let server: Server;

/** Returns a file of three rows, whatever its name. */
const three = (): Readable => Readable.from([Buffer.from("1\n2\n3\n")]);

async function loads(): Promise<void> {
  const opened: string[] = [];
  const infileStreamFactory = (path: string): Readable => {
    opened.push(path);
    return three();
  };
  await using db = createPool({
    ...{ uri: server.url(), shared: false, infileStreamFactory, multipleStatements: true },
  });
  await db.query("DROP TABLE IF EXISTS t; CREATE TABLE t (v INT)");
  const statements = [
    load,
    "-- why\n/* so */ load data low_priority local infile 'b' into table t",
    '/*!50000 LOAD DATA */ LOCAL INFILE "c\'d" INTO TABLE t',
    "SELECT 1; LOAD DATA LOCAL INFILE 'it''s' INTO TABLE t; LOAD DATA LOCAL INFILE 'C:\\\\\\'e' " +
    "INTO TABLE t",
    "LOAD DATA LOCAL INFILE 'größe/日本.csv' INTO TABLE t",
  ];
  for (const sql of statements) await db.query(sql);
  await db.query("LOAD DATA LOCAL INFILE ? INTO TABLE t", ["from a 'value'"]);
  assert.deepEqual(opened.slice(0, 5), ["a.csv", "b", "c'd", "it's", "C:\\'e"]);
  assert.equal(opened.at(-1), "from a 'value'");
  assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 21);
}

async function loadsPrepared(): Promise<void> {
  await using db = createPool({ uri: server.url(), shared: false, infileStreamFactory: three });
  await db.query("CREATE OR REPLACE TABLE t (v INT)");
  for (const _ of [1, 2]) await db.execute(load);
  assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 6);
}

const own = new Error("of the caller");

/** Streams of a file, and what becomes of the statement: its rows, or its error. */
const streams: Readonly<Record<string, readonly [stream: () => unknown, outcome: unknown]>> = {
  "text": [() => Readable.from(["1\n2", "", "\n3\n"]), 3],
  "bytes of an array": [() => Readable.from([new Uint8Array([49, 10, 50, 10])]), 2],
  "a web stream": [() => new Response("1\n2\n").body, 2],
  "a promise of a stream": [() => Promise.resolve(three()), 3],
  "nothing": [() => Readable.from([]), 0],
  "a factory that throws": [() => assert.fail(own), own],
  "a factory that rejects": [() => Promise.reject(own), own],
  "a stream that fails": [() => new Readable({ read: () => assert.fail(own) }), own],
  "no stream": [() => "a.csv", /must return a stream: it returned a string/],
  "a stream of objects": [() => Readable.from([{}]), /must give bytes or text: it gave a object/],
};

async function takesStreams(): Promise<void> {
  await server.query("DROP TABLE IF EXISTS test.t");
  await server.query("CREATE TABLE test.t (v INT)");
  for (const [name, [stream, outcome]] of Object.entries(streams)) {
    await using db = createPool({
      ...{
        uri: server.url(),
        shared: false,
        connectionLimit: 1,
        infileStreamFactory: stream as typeof three,
      },
    });
    const thread = await threadOf(db);
    const [result] = await Promise.allSettled([db.query(load)]);
    if (typeof outcome === "number") {
      assert.equal(result.status, "fulfilled", `${name}: ${Object(result).reason}`);
      assert.equal(Object(result.value[0]).affectedRows, outcome, name);
    } else {
      assert.equal(result.status, "rejected", name);
      if (outcome instanceof RegExp) assert.match(result.reason.message, outcome, name);
      else assert.equal(result.reason, outcome, name);
    }
    assert.equal(await threadOf(db), thread, `${name}: the connection goes on`);
  }
}

async function namesOption(): Promise<void> {
  await using db = createPool({ uri: server.url(), shared: false });
  const error = await failure(db.query(load));
  assert.match(String(error), /only with the option infileStreamFactory/);
}

for (const flavor of ["mariadb", "mysql"] as const) {
  describe(flavor, { skip: lackOf(flavor) ?? false }, () => {
    before(async () => {
      server = await startServer({ flavor, options: ["--local-infile=1"] });
    });
    after(() => server?.remove());

    test("a LOAD gets the file that it names, however its text is written", loads);

    test(
      "a LOAD takes streams of bytes or text, and rejects with the caller's own error",
      takesStreams,
    );

    test("the error of a LOAD that the options do not allow names the option", namesOption);

    // MySQL prepares no LOAD.
    if (flavor === "mariadb") test("a prepared LOAD gets the file that it names", loadsPrepared);
  });
}
