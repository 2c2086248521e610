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
    fate: "a reset; on MariaDB, which keeps the profiles, the pool closes the connection",
    roundTrips: ["a connect", 2],
  },
  {
    name: "the unread rest of a long stream",
    foundBy: "the driver's state",
    fate: "nothing: the pool closes the connection",
    roundTrips: ["a connect", "a connect"],
  },
  {
    name: "a prepared handle that nobody closes",
    foundBy: "the driver's cache",
    fate: "nothing: the next holder that prepares the text uses it",
    roundTrips: [0, 0],
  },
  {
    name: "a `reset` of the driver's own connection",
    foundBy: "the call",
    fate: "a reset",
    roundTrips: [2, 2],
  },
  {
    name: "a `changeUser` of the driver's own connection",
    foundBy: "the call",
    fate: "a new login",
    roundTrips: [4, 3],
  },
];
