/**
 * The handles that `transaction` and `unit` give to the code that they run, and what a statement
 * can be run through.
 */

/** Options of a statement. */
interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number;
}

/** What runs statements. */
export interface Runs {
  query(sql: string, values?: unknown[], options?: Options): Promise<[rows: object, ...unknown[]]>;
  execute(
    sql: string,
    values?: unknown[],
    options?: Options,
  ): Promise<[rows: object, ...unknown[]]>;
}

/** Returns a handle, if the code was given one. */
export function handleOf(given: unknown): Runs | undefined {
  return typeof given === "object" && given !== null ? given as Runs : undefined;
}

/** Returns what runs statements through a virtual connection in the unit of a handle. */
export function throughUnit(unit: Runs | undefined, name: string): Runs | undefined {
  if (unit === undefined || !("connection" in unit)) return undefined;
  const { connection } = unit as { connection: unknown };
  return typeof connection === "function" ? connection.call(unit, name) : undefined;
}
