/**
 * On real servers: state that hides from the pool's look-up of views and triggers, by names, by
 * errors, by other databases, by statements that create them; the next unit finds nothing of it.
 */

import assert from "node:assert/strict";
import { after } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import { one, threadOf } from "../support/asking.ts";
import { until } from "../support/wait.ts";
import { removeServers, testOnBoth } from "./support/fixture.ts";
import { arrange, threadAt } from "./support/hidden.ts";
import { traceOn } from "./support/smuggled.ts";

after(removeServers);

/** Hidden state: what the server runs first, what the units run, and whether the last fails. */
interface Hiding {
  readonly name: string;
  readonly server: readonly string[];
  readonly runs: readonly string[];
  readonly fails?: boolean;
}

const lock = "DO GET_LOCK('smuggled', 0)";
const tables: readonly string[] = [
  "CREATE TABLE a (v INT PRIMARY KEY)",
  "INSERT INTO a VALUES (1)",
];

const hidings: readonly Hiding[] = [
  {
    name: "a variable that a trigger has set before its statement failed",
    server: [...tables, "CREATE TRIGGER ta BEFORE INSERT ON a FOR EACH ROW SET @hit = 7"],
    runs: ["INSERT INTO hidden.a VALUES (1)"],
    fails: true,
  },
  {
    name: "the same behind a view",
    server: [
      ...tables,
      "CREATE TRIGGER ta BEFORE INSERT ON a FOR EACH ROW SET @hit = 7",
      "CREATE VIEW va AS SELECT v FROM a",
    ],
    runs: ["INSERT INTO hidden.va VALUES (1)"],
    fails: true,
  },
  {
    name: "a view whose name is a reserved word behind a dot",
    server: ["CREATE VIEW `order` AS SELECT GET_LOCK('smuggled', 0) AS l"],
    runs: ["SELECT * FROM hidden.order"],
  },
  {
    name: "a table whose name is a reserved word behind a dot",
    server: [
      "CREATE TABLE `group` (v INT)",
      "CREATE TRIGGER tg BEFORE INSERT ON `group` FOR EACH ROW BEGIN SELECT 7 INTO @hit; END",
    ],
    runs: ["INSERT INTO hidden.group VALUES (1)"],
  },
  {
    name: "a trigger that asks for diagnostics",
    server: [
      ...tables,
      "CREATE TRIGGER ta BEFORE INSERT ON a FOR EACH ROW GET DIAGNOSTICS @hit = NUMBER",
    ],
    runs: ["INSERT INTO hidden.a VALUES (2)"],
  },
  {
    name: "a trigger that switches session tracking off",
    server: [
      ...tables,
      `CREATE TRIGGER ta BEFORE INSERT ON a FOR EACH ROW
         BEGIN SET SESSION session_track_state_change = 0; SET @hit = 7; END`,
    ],
    runs: ["INSERT INTO hidden.a VALUES (2)"],
  },
  {
    name: "a trigger of a trigger in another database, when the statement fails",
    server: [
      ...tables,
      "CREATE TABLE audit (v INT)",
      "CREATE TRIGGER ta BEFORE INSERT ON a FOR EACH ROW INSERT INTO audit VALUES (1)",
      `CREATE TRIGGER taudit BEFORE INSERT ON audit FOR EACH ROW ${lock}`,
    ],
    runs: ["INSERT INTO hidden.a VALUES (1)"],
    fails: true,
  },
  {
    name: "a trigger that the pool makes behind a procedure, in one text",
    server: tables,
    runs: [
      "INSERT INTO hidden.a VALUES (2)",
      `CREATE PROCEDURE hidden.p() DO 1; CREATE TRIGGER hidden.ta BEFORE INSERT ON hidden.a ` +
      `FOR EACH ROW ${lock}`,
      "INSERT INTO hidden.a VALUES (3)",
    ],
  },
  {
    name: "a view that the pool makes by a prepared statement",
    server: ["CREATE TABLE seen (v INT)"],
    runs: [
      "SELECT * FROM hidden.seen",
      "DROP TABLE hidden.seen",
      "PREPARE s FROM 'CREATE VIEW hidden.seen AS SELECT GET_LOCK(''smuggled'', 0)'; EXECUTE s",
      "SELECT * FROM hidden.seen",
    ],
  },
];

for (const { name, server, runs, fails = false } of hidings) {
  testOnBoth(`${name} leaves the next unit nothing`, async (place) => {
    const { db } = place;
    await arrange(place, ...server);
    const last = runs.at(-1) ?? "";
    for (const sql of runs.slice(0, -1)) await db.unit(() => db.query(sql));
    for (let round = 0; round < 2; round++) {
      const hasFailed = await db.query(last).then(() => false, () => true);
      assert.equal(hasFailed, fails || round > 0 && /hidden\.a /.test(last));
      assert.equal(await traceOn(db), "");
    }
  }, { multipleStatements: true });
}

testOnBoth("the pool wipes what a failed trigger has created", async (place) => {
  const { db } = place;
  await arrange(
    place,
    ...tables,
    `CREATE TRIGGER ta BEFORE INSERT ON a FOR EACH ROW BEGIN
       CREATE TEMPORARY TABLE tmp SELECT 1 AS v; SET SESSION sort_buffer_size = 123456;
       SIGNAL SQLSTATE '45000'; END`,
  );
  await assert.rejects(db.query("INSERT INTO hidden.a VALUES (2)"), { errno: 1644 });
  assert.notEqual(Number(await one(db, "SELECT @@sort_buffer_size")), 123456);
  await assert.rejects(db.query("SELECT * FROM hidden.tmp"), { errno: 1146 });
});

testOnBoth("what one virtual connection creates, the others know", async (place) => {
  await arrange(place, ...tables);
  await using db = createPool({
    uri: place.server.url(),
    shared: false,
    connectionLimit: 1,
    connections: { main: {}, other: { user: "root", password: "" } },
  });
  const [main, other] = [db.connection("main"), db.connection("other")];
  await main.query("INSERT INTO hidden.a VALUES (2)");
  await main.query("SELECT 1");
  await other.query(`CREATE TRIGGER hidden.ta BEFORE INSERT ON hidden.a FOR EACH ROW ${lock}`);
  await main.query("INSERT INTO hidden.a VALUES (3)");
  assert.equal(await traceOn(main), "");
});

testOnBoth("the pool repeats a look-up that ran during CREATE TRIGGER", async (place) => {
  const { db } = place;
  await arrange(place, "CREATE TABLE n (v INT)", "CREATE TABLE n2 (v INT)");
  const lease = await db.lease();
  await lease.query("START TRANSACTION");
  await lease.query("SELECT * FROM hidden.n");
  const making = db.query(
    `CREATE TRIGGER hidden.tn BEFORE INSERT ON hidden.n FOR EACH ROW ${lock}`,
  );
  await until(() => threadAt(place, "CREATE TRIGGER%"), "the trigger waits");
  await db.query("SELECT * FROM hidden.n2 AS n");
  await threadOf(db);
  await lease.query("ROLLBACK");
  lease.release();
  await making;
  await Promise.all([1, 2, 3].map(() => db.query("INSERT INTO hidden.n VALUES (1)")));
  for (let i = 0; i < 3; i++) assert.equal(await traceOn(db), "");
}, { connectionLimit: 3 });

testOnBoth("a definer's name is not read as the object to create", async (place) => {
  const { server } = place;
  await arrange(place, "CREATE TABLE q (l INT)");
  await server.query("CREATE USER IF NOT EXISTS server@localhost");
  await using db: Pool<"main"> = createPool({
    uri: server.url(),
    shared: false,
    connectionLimit: 1,
    user: "root",
    password: "",
  });
  await db.query("SELECT * FROM hidden.q");
  await db.query("SELECT 1");
  await db.query("DROP TABLE hidden.q");
  await db.query(
    "CREATE DEFINER = server@localhost SQL SECURITY INVOKER VIEW hidden.q " +
      "AS SELECT GET_LOCK('smuggled', 0) AS l",
  );
  await db.query("SELECT * FROM hidden.q");
  assert.equal(await traceOn(db), "");
});

testOnBoth("the pool reads texts whole, whatever the session's character set", async (place) => {
  await arrange(
    place,
    "CREATE VIEW `имя` AS SELECT GET_LOCK('smuggled', 0) AS l",
    "CREATE VIEW r AS SELECT l FROM `имя`",
  );
  await place.db.query("SELECT * FROM hidden.r");
  assert.equal(await traceOn(place.db), "");
}, { charset: "latin1" });

testOnBoth("the next unit sees no optimizer trace", async (place) => {
  if (place.flavor === "mariadb") return;
  const { db } = place;
  await db.unit(async () => {
    await db.query("SET optimizer_trace = 'enabled=on'");
    await db.query("SELECT 'secret'");
  });
  assert.deepEqual((await db.query("SELECT * FROM information_schema.optimizer_trace"))[0], []);
});

testOnBoth("a look-up waits only for tables that its statement names", async (place) => {
  const { db, server } = place;
  await arrange(place, "CREATE TABLE y (v INT)");
  await db.query("SELECT * FROM hidden.y");
  await using root = createPool({ uri: server.url(), shared: false, user: "root", password: "" });
  const slow = root.query("CREATE TABLE hidden.copy AS SELECT SLEEP(3) AS x");
  await until(() => threadAt(place, "CREATE TABLE hidden.copy%"), "it is copied");
  const removed: unknown[] = [];
  db.on("remove", (news) => removed.push(news));
  await db.query("SELECT * FROM hidden.y AS another");
  await threadOf(db);
  assert.deepEqual(removed, []);
  await slow;
});

testOnBoth("the pool looks up no literal, whatever it looks like", async ({ db, proxy }) => {
  await db.query("CREATE TABLE IF NOT EXISTS bits (b LONGBLOB)");
  await db.query("INSERT INTO bits VALUES (0x00)");
  await threadOf(db);
  proxy.forget();
  for (let byte = 16; byte < 36; byte++) {
    await db.query(`INSERT INTO bits VALUES (0x${byte.toString(16)}), (0b${byte.toString(2)})`);
  }
  await threadOf(db);
  const asked = proxy.forget().filter((sql) => sql.includes("information_schema.triggers"));
  assert.deepEqual(asked, []);
  await db.query("DROP TABLE bits");
});
