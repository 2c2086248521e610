/** What clients are asked to run, and what their answers hold. */

/** The select of one row by its key that everybody runs. */
export const pointSelect = "SELECT id, name, price FROM test.item WHERE id = ?";
/** A statement that takes the server 2 ms. */
export const nap = "SELECT SLEEP(0.002)";

/** Returns the rows of an answer that is `[rows, fields]`. */
export function rowsOfPair(answer: unknown): unknown[] {
  return rowsOfList((answer as readonly unknown[])[0]);
}

/** Returns the rows of an answer that is its rows; some drivers make theirs of other classes. */
export function rowsOfList(answer: unknown): unknown[] {
  return [...answer as Iterable<unknown>];
}
