/**
 * The hygiene table: each kind of state that a statement leaves in its session, the statement
 * that shows it, how the pool finds it, and how many round trips the pool needs to wipe it.
 *
 * The tests beside this file check each row on real servers; README shows this table.
 */

import type { Flavor } from "../support/server_binary.ts";

/**
 * How the pool finds state: by the status flags at the end of every answer, by the report of
 * session tracking, or by the statement's text if the server reports nothing.
 */
export type Finding = "flags" | "report" | "report of MariaDB" | "text";

/** A kind of state that belongs to one session. */
export interface HygieneRow {
  /** The row's name. */
  readonly name: string;
  /** The statements that make the state. */
  readonly made: readonly string[];
  /** Whether these statements fail, as they should. */
  readonly isFailing?: boolean;
  /** The statement that shows the state. */
  readonly asked: string;
  /** Its answers with the state and without; the number of an error stands for the error. */
  readonly answers: readonly [own: unknown, other: unknown];
  /** How the pool finds the state. */
  readonly foundBy: readonly Finding[];
  /** How the pool wipes the state. */
  readonly wipedBy: Wipe;
}

/**
 * How the pool wipes state: by a reset, or by a new login if a reset would keep the state. Before
 * that, the pool rolls back a transaction that is open at the end of its unit.
 */
export type Wipe =
  | ("reset" | "login")
  | ("rollback" | "rollback and reset" | "rollback and login" | "rollback in vain and reset");

/**
 * The round trips of each wipe, with the statement after it that switches session tracking on
 * again. Before a new login the pool drops the role on MariaDB, which would keep the role; the
 * login itself takes two round trips on both, as the server asks for a proof.
 */
export const roundTrips: Readonly<Record<Wipe, Readonly<Record<Flavor, number>>>> = {
  rollback: { mariadb: 1, mysql: 1 },
  "rollback and reset": { mariadb: 3, mysql: 3 },
  "rollback in vain and reset": { mariadb: 4, mysql: 4 },
  "rollback and login": { mariadb: 5, mysql: 4 },
  reset: { mariadb: 2, mysql: 2 },
  login: { mariadb: 4, mysql: 3 },
};

/** Statements that prepare a server for all rows, in the database `test`. */
export const prepared: readonly string[] = [
  "CREATE DATABASE other",
  "CREATE TABLE t (v INT) ENGINE = InnoDB",
  "CREATE TABLE u (v INT) ENGINE = InnoDB",
  "CREATE ROLE clerk",
  "GRANT clerk TO app",
  "GRANT RELOAD ON *.* TO app",
  "CREATE PROCEDURE remember() SET @a = 7",
  "CREATE PROCEDURE begin_one() BEGIN START TRANSACTION; INSERT INTO t VALUES (1); END",
  "CREATE PROCEDURE lock_one() DO GET_LOCK('till', 0)",
];

/** Grants that let `app` switch the binary log off for its session. */
export const logGrants: Readonly<Record<Flavor, string>> = {
  mariadb: "GRANT BINLOG ADMIN ON *.* TO app",
  mysql: "GRANT SESSION_VARIABLES_ADMIN ON *.* TO app",
};

const isolation =
  "SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')";

/** The rows. */
export const rows: readonly HygieneRow[] = [
  {
    name: "an open transaction",
    made: ["START TRANSACTION", "INSERT INTO t VALUES (1)"],
    asked: "SELECT COUNT(*) FROM t",
    answers: [1, 0],
    foundBy: ["flags"],
    wipedBy: "rollback",
  },
  {
    name: "an XA transaction",
    made: ["XA START 'x'", "INSERT INTO t VALUES (1)"],
    asked: "SELECT COUNT(*) FROM t",
    answers: [1, 0],
    foundBy: ["flags", "text"],
    wipedBy: "rollback in vain and reset",
  },
  {
    name: "autocommit switched off",
    made: ["SET autocommit = 0", "INSERT INTO t VALUES (1)"],
    asked: "SELECT CONCAT(@@autocommit + 0, ' ', COUNT(*)) FROM t",
    answers: ["0 1", "1 0"],
    foundBy: ["flags", "report", "text"],
    wipedBy: "rollback and reset",
  },
  {
    name: "an isolation level",
    made: ["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
    asked: isolation,
    answers: ["SERIALIZABLE", "REPEATABLE-READ"],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
  {
    name: "SET TRANSACTION for the next transaction",
    made: ["SET TRANSACTION READ ONLY"],
    asked: "UPDATE t SET v = 2",
    answers: [1792, 0],
    foundBy: ["text"],
    wipedBy: "reset",
  },
  {
    name: "a user variable set by SET",
    made: ["SET @a = 7"],
    asked: "SELECT @a",
    answers: [7, null],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
  {
    name: "a user variable set by SELECT … := or INTO",
    made: ["SELECT @a := 7", "SELECT 8 INTO @b"],
    asked: "SELECT CONCAT(@a, @b)",
    answers: ["78", null],
    foundBy: ["text"],
    wipedBy: "reset",
  },
  {
    name: "a session variable",
    made: ["SET SESSION group_concat_max_len = 77"],
    asked: "SELECT @@group_concat_max_len = 77",
    answers: [1, 0],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
  {
    name: "sql_log_bin switched off",
    made: ["SET SESSION sql_log_bin = 0"],
    asked: "SELECT @@sql_log_bin",
    answers: [0, 1],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
  {
    name: "SET NAMES",
    made: ["SET NAMES latin1"],
    asked: "SELECT @@character_set_client",
    answers: ["latin1", "utf8mb4"],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
  {
    name: "USE",
    made: ["USE other"],
    asked: "SELECT DATABASE()",
    answers: ["other", "test"],
    foundBy: ["report", "text"],
    wipedBy: "login",
  },
  {
    name: "a role",
    made: ["SET ROLE clerk"],
    asked: "SELECT COALESCE(CURRENT_ROLE() LIKE '%clerk%', 0)",
    answers: [1, 0],
    foundBy: ["report of MariaDB", "text"],
    wipedBy: "login",
  },
  {
    name: "a temporary table that hides a table",
    made: ["CREATE TEMPORARY TABLE t (v INT)", "INSERT INTO t VALUES (7)"],
    asked: "SELECT COUNT(*) FROM t",
    answers: [1, 0],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
  {
    name: "LOCK TABLES",
    made: ["LOCK TABLES t WRITE"],
    asked: "SELECT COUNT(*) FROM u",
    answers: [1100, 0],
    foundBy: ["text"],
    wipedBy: "reset",
  },
  {
    name: "FLUSH TABLES WITH READ LOCK",
    made: ["FLUSH TABLES WITH READ LOCK"],
    asked: "UPDATE t SET v = 2",
    answers: [1223, 0],
    foundBy: ["text"],
    wipedBy: "reset",
  },
  {
    name: "GET_LOCK",
    made: ["SELECT GET_LOCK('till', 0)"],
    asked: "SELECT IS_USED_LOCK('till') = CONNECTION_ID()",
    answers: [1, null],
    foundBy: ["text"],
    wipedBy: "reset",
  },
  {
    name: "HANDLER … OPEN",
    made: ["HANDLER t OPEN"],
    asked: "HANDLER t READ FIRST",
    answers: [undefined, 1109],
    foundBy: ["text"],
    wipedBy: "reset",
  },
  {
    name: "PREPARE and EXECUTE in text",
    made: ["PREPARE p FROM 'SELECT 7'"],
    asked: "EXECUTE p",
    answers: [7, 1243],
    foundBy: ["report", "text"],
    wipedBy: "login",
  },
  {
    name: "a variable that a procedure sets",
    made: ["CALL remember()"],
    asked: "SELECT @a",
    answers: [7, null],
    foundBy: ["report", "text"],
    wipedBy: "login",
  },
  {
    name: "a transaction that a procedure begins",
    made: ["CALL begin_one()"],
    asked: "SELECT COUNT(*) FROM t",
    answers: [1, 0],
    foundBy: ["flags", "text"],
    wipedBy: "rollback and login",
  },
  {
    name: "a lock that a procedure takes",
    made: ["CALL lock_one()"],
    asked: "SELECT IS_USED_LOCK('till') = CONNECTION_ID()",
    answers: [1, null],
    foundBy: ["text"],
    wipedBy: "login",
  },
  {
    name: "several statements in one text, the second of which fails",
    made: ["SET @a = 7; SELECT * FROM nowhere; SET @a = 8"],
    isFailing: true,
    asked: "SELECT @a",
    answers: [7, null],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
];
