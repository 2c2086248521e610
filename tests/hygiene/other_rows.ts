/** Rows of the hygiene table that cannot be held as the others are. */

/** What is left by the driver's own connection, and what becomes of it. */
interface OtherRow {
  /** What it is called. */
  readonly name: string;
  /** By what it is found. */
  readonly foundBy: string;
  /** What becomes of it. */
  readonly fate: string;
  /** What that costs the next one on MariaDB and on MySQL. */
  readonly roundTrips: readonly [mariadb: string | number, mysql: string | number];
}

/** The rows that are not statements. */
export const others: readonly OtherRow[] = [
  {
    name: "SET profiling",
    foundBy: "text",
    fate: "a reset; MariaDB keeps the profiles: the connection is closed",
    roundTrips: ["a connect", 2],
  },
  {
    name: "the unread rest of a long stream",
    foundBy: "what the driver is at",
    fate: "nothing: the connection is closed",
    roundTrips: ["a connect", "a connect"],
  },
  {
    name: "a prepared handle that nobody closes",
    foundBy: "what the driver has in its cache",
    fate: "nothing: it serves who prepares the text next",
    roundTrips: [0, 0],
  },
  {
    name: "`reset` of the driver's own connection",
    foundBy: "the call",
    fate: "a reset",
    roundTrips: [2, 2],
  },
  {
    name: "`changeUser` of the driver's own connection",
    foundBy: "the call",
    fate: "a new login",
    roundTrips: [4, 3],
  },
];
