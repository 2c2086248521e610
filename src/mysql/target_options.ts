/**
 * The options of a target: those of mysql2 that make sense for one session of a pool, under
 * mysql2's names, and a few of Sublet's own.
 */

/** The options of a mysql2 connection. */
export type ConnectionOptions = Exclude<
  Parameters<(typeof import("mysql2"))["createConnection"]>[0],
  string
>;

/** Options that a target takes with mysql2's types. */
export type DriverOptionName =
  | "authPlugins"
  | "authSwitchHandler"
  | "bigNumberStrings"
  | "charset"
  | "compress"
  | "connectAttributes"
  | "connectTimeout"
  | "database"
  | "dateStrings"
  | "debug"
  | "decimalNumbers"
  | "disableEval"
  | "enableCleartextPlugin"
  | "enableKeepAlive"
  | "host"
  | "infileStreamFactory"
  | "insecureAuth"
  | "jsonStrings"
  | "keepAliveInitialDelay"
  | "maxPreparedStatements"
  | "multipleStatements"
  | "namedPlaceholders"
  | "nestTables"
  | "password2"
  | "password3"
  | "passwordSha1"
  | "queryFormat"
  | "rowsAsArray"
  | "socketPath"
  | "stringifyObjects"
  | "supportBigNumbers"
  | "timezone"
  | "typeCast"
  | "user";

/**
 * What the pool runs on each new session, and again after a reset or a new login, before it lends
 * the session: statements, or a function that gets the driver's connection and may be async.
 */
export type InitSql =
  | string
  | readonly string[]
  | ((connection: ReturnType<(typeof import("mysql2"))["createConnection"]>) => unknown);

/** How strict to be about TLS; see {@linkcode TargetOptions.tls}. */
export type TlsMode = "prefer" | "require" | "verify";

/** A password, or a function that the pool calls for it before each login. */
export type Password = string | (() => string | Promise<string>);

/**
 * The server, the user and the settings of a session.
 *
 * Names and meanings are those of mysql2's connection options, with these differences:
 * `password` may be a function, which the pool calls before each login; `connectTimeout` (ms, 10000
 * if not given, 0 for none) covers everything from that call until the session can be used;
 * `keepAliveInitialDelay` (ms) is 30000 if not given; LOAD DATA LOCAL fails unless
 * `infileStreamFactory` is given or `flags` names LOCAL_FILES, and the server gets only the file
 * that the statement names; other options override the same options in `uri`.
 */
export type TargetOptions =
  & { readonly [Name in DriverOptionName]?: ConnectionOptions[Name] | undefined }
  & {
    /**
     * Options as a URI: `mysql://user:password@host:port/database?option=value`. The pool calls a
     * function when it is created; with `lifespan: "unit"`, at the beginning of each unit.
     */
    readonly uri?: string | URL | (() => string | URL) | undefined;
    /**
     * The type of BIGINT values: "string" makes a string of one that a number cannot hold,
     * "bigint" makes a BigInt of each, "number" rounds. "string" if not given, unless
     * `supportBigNumbers` or `bigNumberStrings` says otherwise. Rows that the driver's own
     * connection streams have strings for "bigint". An `insertId` is a number as long as one can
     * hold it; beyond, it is a BigInt for "bigint", else a string.
     */
    readonly bigint?: "string" | "bigint" | "number" | undefined;
    /** The port; 3306 if not given. */
    readonly port?: number | string | undefined;
    /** The password of the user. */
    readonly password?: Password | undefined;
    /** Another name of `password`. */
    readonly password1?: Password | undefined;
    /**
     * How strict to be about TLS: "verify" encrypts, and verifies the server's certificate and
     * that it is for this host; "require" encrypts, and verifies the certificate only if `ssl.ca`
     * or a profile names the authorities, or `ssl.verifyIdentity` is true; "prefer" does the same,
     * but goes on in plain text if TLS fails. Unless given: "verify" with `ssl`; without it,
     * "require", or no TLS for a server on this machine.
     */
    readonly tls?: TlsMode | undefined;
    /** The TLS settings: Node's options, or the name of a mysql2 profile; false: no TLS. */
    readonly ssl?: ConnectionOptions["ssl"] | false | undefined;
    /**
     * Whether, without TLS, the driver may encrypt the password with a key that the server has
     * just sent, and that could be anybody's. Unless given: true for a server on this machine,
     * else false. (The name is Connector/J's.)
     */
    readonly allowPublicKeyRetrieval?: boolean | undefined;
    /**
     * How many bytes of rows one statement may return, as the server sends them; no limit unless
     * given. If a statement exceeds it, the pool cancels the statement at the server, as an abort
     * does, and rejects it with `RESULT_TOO_LARGE`. The unit then loses the actual connection: a
     * transaction, or a unit that has pinned the connection, gets `CONNECTION_LOST` from its next
     * statement and at its end. Streams of a lease's connection have no limit: they keep no rows.
     */
    readonly maxResultBytes?: number | undefined;
    /** Protocol flags to use, or, with a minus sign, not to use. */
    readonly flags?: string | readonly string[] | undefined;
    /**
     * Functions of your own that neither change their session nor write, under the names that
     * statements use: "f" or "db.f". A call of any other function that is not built in costs a new
     * login when the pool takes the connection back.
     *
     * @default []
     */
    readonly cleanFunctions?: readonly string[] | undefined;
    /**
     * Whether triggers and views that the user may not see leave nothing in their session. If
     * false, a statement that may run such an object costs a reset when the pool takes the
     * connection back.
     *
     * @default false
     */
    readonly cleanHidden?: boolean | undefined;
    /** What the pool runs on each new session, and again after a reset or a new login. */
    readonly initSql?: InitSql | undefined;
  };

/** Names an option of a target. */
export type TargetOptionName = keyof TargetOptions;
