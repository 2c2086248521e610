/** The statements that clients run, and how to read their answers. */

/** The select of one row by its key. */
export const pointSelect = "SELECT id, name, price FROM test.item WHERE id = ?";
/** A statement that takes the server 2 ms. */
export const nap = "SELECT SLEEP(0.002)";

/** Returns the rows of an answer of the form `[rows, fields]`. */
export function rowsOfPair(answer: unknown): unknown[] {
  return rowsOfList((answer as readonly unknown[])[0]);
}

/** Returns the rows of an answer that is a list; a plain array, as some drivers use subclasses. */
export function rowsOfList(answer: unknown): unknown[] {
  return [...answer as Iterable<unknown>];
}
