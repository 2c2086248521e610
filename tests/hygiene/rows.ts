/**
 * The hygiene table: each kind of state that a statement leaves in its session, what shows that
 * it is there, by what the pool finds it, and how many round trips it costs to wipe it.
 *
 * The tests beside this file hold each row on real servers; the table of README is this one.
 */

import type { Flavor } from "../support/server_binary.ts";

/**
 * By what state is found: the status flags that end every answer, the report of session
 * tracking, or the text of the statement where the server says nothing.
 */
export type Finding = "flags" | "report" | "report of MariaDB" | "text";

/** A kind of state that belongs to one session. */
export interface HygieneRow {
  /** What it is called. */
  readonly name: string;
  /** What makes it. */
  readonly made: readonly string[];
  /** Whether the last of these statements fails, as it should. */
  readonly isFailing?: boolean;
  /** Asks for it. */
  readonly asked: string;
  /** What the answer is for who has it, and for who has not; an error is known by its number. */
  readonly answers: readonly [own: unknown, other: unknown];
  /** By what it is found. */
  readonly foundBy: readonly Finding[];
  /** How it is wiped. */
  readonly wipedBy: Wipe;
}

/**
 * How state is wiped: by a reset, or by a new login where that would keep it; a transaction that
 * is open at the end of its unit is rolled back before.
 */
export type Wipe =
  | ("reset" | "login")
  | ("rollback" | "rollback and reset" | "rollback and login" | "rollback in vain and reset");

/**
 * What wiping costs, with the statement after it that switches session tracking on again. Before
 * a new login the pool has MariaDB drop the role, which that would keep; the login itself takes two
 * round trips on either, as the server asks for a proof.
 */
export const roundTrips: Readonly<Record<Wipe, Readonly<Record<Flavor, number>>>> = {
  rollback: { mariadb: 1, mysql: 1 },
  "rollback and reset": { mariadb: 3, mysql: 3 },
  "rollback in vain and reset": { mariadb: 4, mysql: 4 },
  "rollback and login": { mariadb: 5, mysql: 4 },
  reset: { mariadb: 2, mysql: 2 },
  login: { mariadb: 4, mysql: 3 },
};

/** What a server has to have for all rows, in the database `test`. */
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

/** Lets `app` switch the binary log off for its session. */
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
    name: "autocommit that is off",
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
    name: "SET TRANSACTION, for the next one",
    made: ["SET TRANSACTION READ ONLY"],
    asked: "UPDATE t SET v = 2",
    answers: [1792, 0],
    foundBy: ["text"],
    wipedBy: "reset",
  },
  {
    name: "a user variable of SET",
    made: ["SET @a = 7"],
    asked: "SELECT @a",
    answers: [7, null],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
  {
    name: "a user variable of SELECT … := or INTO",
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
    name: "sql_log_bin that is off",
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
    name: "a temporary table in the place of another",
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
    name: "several statements, of which a middle one fails",
    made: ["SET @a = 7; SELECT * FROM nowhere; SET @a = 8"],
    isFailing: true,
    asked: "SELECT @a",
    answers: [7, null],
    foundBy: ["report", "text"],
    wipedBy: "reset",
  },
];
