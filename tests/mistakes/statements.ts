/** Mistakes in statements and their values. */

import type { Mistake } from "./mistake.ts";

/** Returns a mistake in a prepared statement. */
function inExecute(title: string, sql: string, values: unknown[], named: RegExp): Mistake {
  return {
    title,
    async own({ db }) {
      await db.execute(sql, values);
    },
    theirs: ({ pool }) => pool.execute(sql, values as never),
    named,
  };
}

/** Returns a mistake in a statement that is sent as text. */
function inQuery(title: string, sql: string, named: RegExp): Mistake {
  return {
    title,
    async own({ db }) {
      await db.query(sql);
    },
    theirs: ({ pool }) => pool.query(sql),
    named,
  };
}

/** The mistakes. */
export const statements: readonly Mistake[] = [
  inQuery("the syntax is wrong", "SELEKT 1", /SQL syntax.*SELEKT/),
  inQuery("the table does not exist", "SELECT * FROM odrers", /odrers.*doesn't exist/),
  inExecute("a value is missing", "SELECT ? + ?", [1], /has 2 parameters, and 1 value was given/),
  inExecute("there is a value too many", "SELECT ?", [1, 2], /has 1 parameter, and 2 were given/),
  inExecute("a value is undefined", "SELECT ?, ?", [1, undefined], /undefined/),
  inExecute(
    "a list is given where one value belongs",
    "SELECT 1 WHERE 1 = ?",
    [[1, 2]],
    /array|list/,
  ),
  inExecute("the list of IN is empty", "SELECT 1 WHERE 1 IN (?)", [[]], /empty/),
  {
    title: "the name of a parameter is misspelt",
    async own({ db }) {
      await db.method<object>("SELECT :sku")({ skuu: 7 });
    },
    theirs: ({ pool }) =>
      pool.execute({ sql: "SELECT :sku", namedPlaceholders: true }, { skuu: 7 }),
    named: /:skuu.*did you mean :sku/,
  },
  {
    title: "a callback is given where a promise is returned",
    async own({ db }) {
      await Reflect.apply(db.query, db, ["SELECT 1", () => undefined]);
    },
    theirs: ({ pool }) => Reflect.apply(pool.query, pool, ["SELECT 1", () => undefined]),
    named: /callback.*await/,
  },
  inQuery(
    "LOAD DATA LOCAL without its flag",
    "LOAD DATA LOCAL INFILE 'a.csv' INTO TABLE t",
    /LOCAL_FILES|infileStreamFactory/,
  ),
  {
    title: "a statement takes too long",
    async own({ db }) {
      await db.query("SELECT SLEEP(5)", [], { timeout: 50 });
    },
    theirs: ({ pool }) => pool.query({ sql: "SELECT SLEEP(5)", timeout: 50 }),
    named: /timeout of 50 ms.*cancelled the statement: SELECT SLEEP/,
  },
];
