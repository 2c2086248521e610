/**
 * A program that uses all of mysql2's pool: with its import changed to compat it prints the same.
 * Its argument is the URL of a server; it prints nothing that differs from run to run.
 */

import mysql from "mysql2";
import process from "node:process";

const [, , uri = ""] = process.argv;
const pool = mysql.createPool({ uri, connectionLimit: 2, namedPlaceholders: true });
const say = (...words: unknown[]): void => console.log(words.map((word) => plain(word)).join(" "));

function plain(value: unknown): string {
  if (value instanceof Error) {
    const { code, errno, sqlState, message } = value as mysql.QueryError;
    return JSON.stringify({ code, errno, sqlState, message });
  }
  return typeof value === "string" ? value : JSON.stringify(value) ?? "undefined";
}

/** Waits for a callback, and prints its arguments. */
function told(
  title: string,
  ask: (done: (...answer: unknown[]) => void) => unknown,
): Promise<void> {
  return new Promise((resolve) => {
    ask((error, result) => {
      const header = result as mysql.ResultSetHeader | undefined;
      const isHeader = typeof header === "object" && "affectedRows" in header;
      say(title, error ?? "no error", isHeader ? `${header.affectedRows} affected` : result ?? "");
      resolve();
    });
  });
}

let isNew = true;
pool.on("connection", (connection: mysql.PoolConnection) => {
  connection.query("SET @@SESSION.group_concat_max_len = 2048");
  if (isNew) say("event connection", typeof connection.threadId);
  isNew = false;
});
let isTelling = true;
for (const event of ["acquire", "release", "enqueue"]) {
  pool.on(event, () => isTelling && say("event", event));
}

say("config", pool.config.connectionLimit, pool.config.queueLimit, pool.config.waitForConnections);
say("format", pool.format("SELECT ?, ??", [new Date(0), "a.b"]).replace(/'1970.*?'/, "DATE"));
say("escape", pool.escape("it's"), pool.escapeId("a`b"));
await told(
  "create",
  (done) => pool.query("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))", done),
);
await told("insert", (done) => pool.query("INSERT INTO t VALUES ?", [[[1, "a"], [2, "b"]]], done));
await told("named", (done) => pool.query("SELECT v FROM t WHERE id = :id", { id: 2 }, done));
await told("options", (done) => pool.query({ sql: "SELECT * FROM t", rowsAsArray: true }, done));
await told("prepared", (done) => pool.execute("SELECT v FROM t WHERE id = ?", [1], done));
isTelling = false;
await told("error", (done) => pool.query("SELECT nothing FROM t", done));
await told("prepared error", (done) => pool.execute("SELECT nothing FROM t", done));
await told("session", (done) => pool.query("SELECT @@SESSION.group_concat_max_len AS n", done));

const command = pool.query("SELECT id FROM t ORDER BY id");
await new Promise<void>((resolve) => {
  command.on("fields", (fields: mysql.FieldPacket[]) => say("fields", fields[0]?.name));
  command.on("result", (row: unknown) => say("row", row));
  command.on("end", () => resolve());
});
for await (const row of pool.query("SELECT v FROM t").stream({ highWaterMark: 1 })) {
  say("streamed", row);
}
const failing = pool.query("SELECT nothing FROM t").stream();
await new Promise<void>((resolve) => {
  failing.on("error", (error) => say("stream error", error)).on("close", () => resolve()).resume();
});

await new Promise<void>((resolve) => {
  pool.getConnection((error, connection) => {
    say("connection", error, connection.state, typeof connection.release);
    connection.beginTransaction(() => {
      connection.query("UPDATE t SET v = 'c' WHERE id = 1", (_error, result) => {
        say("updated", (result as mysql.ResultSetHeader).affectedRows);
        connection.rollback(() => {
          connection.query("SELECT v FROM t WHERE id = 1", (_error, rows) => {
            say("rolled back", rows);
            connection.release();
            connection.release();
            resolve();
          });
        });
      });
    });
  });
});

const promises = pool.promise();
const lent = await promises.getConnection();
await lent.beginTransaction();
await lent.execute("UPDATE t SET v = ? WHERE id = ?", ["d", 2]);
await lent.commit();
await lent.ping();
say("committed", (await lent.query("SELECT v FROM t WHERE id = 2"))[0], lent.config.host);
promises.releaseConnection(lent);
await promises.query("SELECT nothing").catch((error: unknown) => say("rejected", error));
const both = await Promise.all(
  [1, 2].map((id) => promises.execute("SELECT v FROM t WHERE id = ?", [id])),
);
say("both", both.map(([rows]) => rows));

const cluster = mysql.createPoolCluster({ defaultSelector: "ORDER" });
cluster.add("MAIN", uri);
await told("cluster", (done) => cluster.of("M*").query("SELECT COUNT(*) AS n FROM t", done));
await told("no node", (done) => cluster.getConnection("OTHER", done));
await told("cluster end", (done) => cluster.end(done));
await told("drop", (done) => pool.query("DROP TABLE t", done));
await told("end", (done) => pool.end(done));
await told(
  "closed",
  (done) => pool.query("SELECT 1", (error: Error | null) => done(error?.message)),
);
