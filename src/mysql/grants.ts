/**
 * Which views and triggers a server shows to a user, by the user's privileges. MySQL shows a
 * table's triggers only with the privilege TRIGGER on the table, MariaDB with any privilege on it,
 * and both show a view with any privilege on it. Without such a privilege on the whole database,
 * there may be views and triggers that the user does not see.
 */

/** Privileges on the tables of some databases. */
interface Grant {
  /** A pattern for the names of the databases. */
  readonly pattern: string;
  readonly privileges: ReadonlySet<string>;
}

/** Any of these privileges makes a server show tables and views. */
const showing: readonly string[] = [
  "ALL PRIVILEGES",
  "SELECT",
  "INSERT",
  "UPDATE",
  "DELETE",
  "CREATE",
  "DROP",
  "REFERENCES",
  "INDEX",
  "ALTER",
  "CREATE VIEW",
  "SHOW VIEW",
  "TRIGGER",
];
/** Any of these privileges makes MySQL show triggers. */
const showingTriggers: readonly string[] = ["ALL PRIVILEGES", "TRIGGER"];
/** The server's own databases, which have no triggers, and whose views leave no state behind. */
const own: ReadonlySet<string> = new Set(["information_schema", "performance_schema"]);
/** How many answers one user's {@linkcode Grants} remember. */
const toldMax = 1000;
/** A name in a line of SHOW GRANTS; `sql_quote_show_create` decides whether it has quotes. */
const name = '`(?:[^`]|``)*`|"(?:[^"]|"")*"|[^`"\\s.]+';
/** Matches a line with privileges on columns. */
const columns = /^GRANT [^`"]*\(/;
/** Matches a line for a whole database, but none for tables, columns or roles. */
const line: RegExp = new RegExp(`^(GRANT|REVOKE) ([A-Z_ ,]+) ON (\\*|${name})\\.\\* (?:TO|FROM) `);

/** The privileges of one user. */
export class Grants {
  /** Whether the user has privileges on single columns of a table. */
  readonly hasColumns: boolean;
  readonly #isExact: boolean;
  /** The privileges on all databases. */
  readonly #onAll: Set<string> = new Set();
  readonly #granted: Map<string, Set<string>> = new Map();
  readonly #revoked: Grant[] = [];
  readonly #told: Map<string, boolean> = new Map();

  /**
   * Reads the lines of SHOW GRANTS, for the user and the user's active roles. With `isExact`, `%`,
   * `_` and a backslash in the name of a database stand for themselves.
   */
  constructor(lines: readonly string[], isExact: boolean) {
    this.hasColumns = lines.some((text) => columns.test(text));
    this.#isExact = isExact;
    for (const text of lines) {
      const [, verb, privileges = "", database = ""] = line.exec(text) ?? [];
      if (verb !== undefined) this.#add(verb, new Set(privileges.split(/, ?/)), database);
    }
  }

  /** Tells whether the user sees all triggers on the tables of a database. */
  showTriggers(database: string): boolean {
    return this.#show(database, showingTriggers);
  }

  /** Tells whether the user sees all views and tables of a database. */
  showViews(database: string): boolean {
    return this.#show(database, showing);
  }

  /** Adds a line; lines for the user and for the user's roles add up. */
  #add(verb: string, privileges: ReadonlySet<string>, database: string): void {
    const pattern = unquoted(database);
    if (verb === "REVOKE") return void this.#revoked.push({ pattern, privileges });
    const known = database === "*" ? this.#onAll : this.#granted.get(pattern) ?? new Set();
    if (database !== "*") this.#granted.set(pattern, known);
    for (const privilege of privileges) known.add(privilege);
  }

  #show(database: string, privileges: readonly string[]): boolean {
    if (own.has(database.toLowerCase())) return true;
    const key = `${privileges.length} ${database}`;
    const told = this.#told.get(key);
    if (told !== undefined) return told;
    const isGiven = this.#isGiven(database, privileges);
    if (this.#told.size >= toldMax) this.#told.clear();
    this.#told.set(key, isGiven);
    return isGiven;
  }

  /**
   * Tells whether the user has one of the wanted privileges. If several patterns match, the server
   * applies one of them by rules of its own, so each must have such a privilege.
   */
  #isGiven(database: string, wanted: readonly string[]): boolean {
    const has = (privileges: ReadonlySet<string>): boolean => {
      return wanted.some((privilege) => privileges.has(privilege));
    };
    const mayMatch = (pattern: string): boolean => {
      return pattern === database || expressionOf(pattern, ".").test(database);
    };
    const isTaken = this.#revoked.some((grant) => mayMatch(grant.pattern) && has(grant.privileges));
    if (!isTaken && has(this.#onAll)) return true;
    const its = [...this.#granted].filter(([pattern]) => mayMatch(pattern));
    return its.some(([pattern]) => this.#matches(pattern, database)) &&
      its.every(([, privileges]) => has(privileges));
  }

  /** Tells whether a pattern certainly matches. MySQL can be set up to take `_` literally. */
  #matches(pattern: string, database: string): boolean {
    return this.#isExact ? pattern === database : expressionOf(pattern, "_").test(database);
  }
}

function unquoted(name: string): string {
  const quote = name[0] ?? "";
  return quote === "`" || quote === '"' ? name.slice(1, -1).replaceAll(quote + quote, quote) : name;
}

/** Returns an expression for the databases that a pattern matches; `underscore` stands for `_`. */
function expressionOf(pattern: string, underscore: string): RegExp {
  const parts = pattern.replace(/\\(.)|[_%]|\W/gsu, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return literally(escaped);
    return part === "%" ? ".*" : part === "_" ? underscore : literally(part);
  });
  return new RegExp(`^${parts}$`, "su");
}

function literally(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
