/**
 * The views and triggers that servers show to a user, by his privileges. MySQL shows the triggers
 * of a table only with the privilege TRIGGER on it, MariaDB with every privilege on it, and both
 * show a view with every privilege on it. Without such a privilege on the whole database, there may
 * be some that he does not see.
 */

/** Privileges on the tables of some databases. */
interface Grant {
  /** Which: a pattern of their names. */
  readonly pattern: string;
  readonly privileges: ReadonlySet<string>;
}

/** The privileges by which tables and views are shown. */
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
/** That by which triggers are shown. */
const showingTriggers: readonly string[] = ["ALL PRIVILEGES", "TRIGGER"];
/** Databases of the server itself, which have no triggers, and whose views leave nothing. */
const own: ReadonlySet<string> = new Set(["information_schema", "performance_schema"]);
/** How many databases are remembered. */
const toldMax = 1000;
/** A name in a line of SHOW GRANTS; `sql_quote_show_create` decides whether it has quotes. */
const name = '`(?:[^`]|``)*`|"(?:[^"]|"")*"|[^`"\\s.]+';
/** A line for columns. */
const columns = /^GRANT [^`"]*\(/;
/** A line for a whole database; those for tables, columns and roles look different. */
const line: RegExp = new RegExp(`^(GRANT|REVOKE) ([A-Z_ ,]+) ON (\\*|${name})\\.\\* (?:TO|FROM) `);

/** The privileges of one user. */
export class Grants {
  /** Whether he has privileges on some columns of a table alone. */
  readonly hasColumns: boolean;
  readonly #isExact: boolean;
  /** Those on all databases. */
  readonly #onAll: Set<string> = new Set();
  readonly #granted: Map<string, Set<string>> = new Map();
  readonly #revoked: Grant[] = [];
  readonly #told: Map<string, boolean> = new Map();

  /**
   * Reads the lines of SHOW GRANTS, for the user himself and the roles that he has taken. With
   * `isExact`, `%`, `_` and a backslash in the name of a database stand for themselves.
   */
  constructor(lines: readonly string[], isExact: boolean) {
    this.hasColumns = lines.some((text) => columns.test(text));
    this.#isExact = isExact;
    for (const text of lines) {
      const [, verb, privileges = "", database = ""] = line.exec(text) ?? [];
      if (verb !== undefined) this.#add(verb, new Set(privileges.split(/, ?/)), database);
    }
  }

  /** Tells whether he sees all triggers on the tables of a database. */
  showTriggers(database: string): boolean {
    return this.#show(database, showingTriggers);
  }

  /** Tells whether he sees all views and tables of a database. */
  showViews(database: string): boolean {
    return this.#show(database, showing);
  }

  /** Adds a line. Those for the user and for his roles come together. */
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
   * Of several patterns that match, servers take one, by rules of their own: so each has to have
   * the privilege.
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

  /** Tells whether a pattern surely matches. MySQL can be set up to take `_` for itself. */
  #matches(pattern: string, database: string): boolean {
    return this.#isExact ? pattern === database : expressionOf(pattern, "_").test(database);
  }
}

function unquoted(name: string): string {
  const quote = name[0] ?? "";
  return quote === "`" || quote === '"' ? name.slice(1, -1).replaceAll(quote + quote, quote) : name;
}

/** Returns what matches the databases that a pattern stands for; `underscore` is what `_` does. */
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
