/**
 * The options that say where and as whom a session is opened: those of mysql2 that make sense
 * for one session of a pool, under mysql2's names, and a few of our own.
 */

/** The options of a connection of mysql2. */
export type ConnectionOptions = Exclude<
  Parameters<(typeof import("mysql2"))["createConnection"]>[0],
  string
>;

/** Options of mysql2 that a target takes as they are. */
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
 * What is run on each new session, and again after a reset, before it is used: statements, or a
 * function that gets the driver's connection and is awaited.
 */
export type InitSql =
  | string
  | readonly string[]
  | ((connection: ReturnType<(typeof import("mysql2"))["createConnection"]>) => unknown);

/** How strict to be about TLS; see {@linkcode TargetOptions.tls}. */
export type TlsMode = "prefer" | "require" | "verify";

/** A password, or what is asked for it before each login. */
export type Password = string | (() => string | Promise<string>);

/**
 * Where and as whom a session is opened.
 *
 * Names and meanings are those of mysql2's connection options, with these differences:
 * `password` may be a function, which is asked before each login; `connectTimeout` (ms, 10000
 * if not given, 0 for none) covers all until the session can be used, from that question on;
 * `keepAliveInitialDelay` (ms) is 30000 if not given; LOAD DATA LOCAL is refused unless
 * `infileStreamFactory` is given or `flags` names LOCAL_FILES, and the server gets no file but
 * that which the statement names; what `uri` says yields to what is said beside it.
 */
export type TargetOptions =
  & { readonly [Name in DriverOptionName]?: ConnectionOptions[Name] | undefined }
  & {
    /**
     * Where and as whom, as `mysql://user:password@host:port/database?option=value`. A function is
     * asked when the pool is created; with `lifespan: "unit"`, at the beginning of each unit.
     */
    readonly uri?: string | (() => string) | undefined;
    /** The port; 3306 if not given. */
    readonly port?: number | string | undefined;
    /** The password of the user. */
    readonly password?: Password | undefined;
    /** The same by its other name. */
    readonly password1?: Password | undefined;
    /**
     * How strict to be about TLS: "verify" encrypts, and verifies the server's certificate and
     * that it is for this host; "require" encrypts, and verifies a certificate only if `ssl.ca`
     * says by whom, or `ssl.verifyIdentity` asks for it; "prefer" does likewise, but goes on in
     * plain text if that fails. Unless given it is "verify" with `ssl`, else "require", and
     * nothing for a server on this machine.
     */
    readonly tls?: TlsMode | undefined;
    /** TLS, by Node's options or by the name of one of mysql2's profiles; none if false. */
    readonly ssl?: ConnectionOptions["ssl"] | false | undefined;
    /**
     * Whether, in plain text, the password may be sent under a key that the server has just
     * shown, by which it could be anybody's: true for a server on this machine, else false.
     * (The name is Connector/J's.)
     */
    readonly allowPublicKeyRetrieval?: boolean | undefined;
    /**
     * How many bytes of rows one statement may bring, as the server sends them; no limit unless
     * given. What exceeds it is ended at the server, as an abort does, and rejected with
     * `RESULT_TOO_LARGE`. That ends the actual connection for its unit: a transaction, or a unit
     * that has pinned it, then gets `CONNECTION_LOST` from its next statement and at its end.
     * Streams of a lease's connection have no limit: they keep no rows.
     */
    readonly maxResultBytes?: number | undefined;
    /** Flags of the protocol to use, or with a minus not to use. */
    readonly flags?: string | readonly string[] | undefined;
    /**
     * Functions of your own that neither change their session nor write, by the names by which
     * statements call them: "f" or "db.f". Any other call of a function that is not built in
     * costs a new login when the connection is released.
     *
     * @default []
     */
    readonly cleanFunctions?: readonly string[] | undefined;
    /**
     * Whether triggers and views that the user may not see leave nothing in their session. Else a
     * statement that may run one costs a reset when the connection is released.
     *
     * @default false
     */
    readonly cleanHidden?: boolean | undefined;
    /** What is run on each new session, and again after a reset, before it is used. */
    readonly initSql?: InitSql | undefined;
  };

/** Names an option of a target. */
export type TargetOptionName = keyof TargetOptions;
