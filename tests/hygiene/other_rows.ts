/** Rows of the hygiene table that need tests of their own. */

/** State that a holder leaves, and how the pool handles it. */
interface OtherRow {
  /** The row's name. */
  readonly name: string;
  /** How the pool finds the state. */
  readonly foundBy: string;
  /** What the pool does with the state. */
  readonly fate: string;
  /** What that costs on MariaDB and on MySQL: a number of round trips, or a connect. */
  readonly roundTrips: readonly [mariadb: string | number, mysql: string | number];
}

/** The rows. */
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
