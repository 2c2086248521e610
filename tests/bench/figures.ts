/** The figures of a run for programs; rates are this pool's throughput over the peer's. */

/** Figures by name. */
export type ByName = Readonly<Record<string, number>>;

/** The outcome of units of work around an outage of the server. */
export interface Recovery {
  /** How many units of work failed. */
  readonly errors: number;
  /** The time from the server's return to the first success, in ms. */
  readonly ms: number;
}

/** The cost of many requests that are never served, in ms of CPU time. */
export interface Crowd {
  /** To make the requests. */
  readonly askMs: number;
  /** To refuse, time out or abort them. */
  readonly giveUpMs: number;
}

/** All figures; a run has those of the selected measurements. */
export interface Figures {
  /** A lease and its release, one at a time, in µs. */
  readonly cycleUs?: ByName;
  /** The same with 1,000 requests at once on ten connections. */
  readonly cycle1000Us?: ByName;
  /** The cost of a lease, and of one among 1,000, over each peer's. */
  readonly cycleAgainst?: ByName;
  readonly cycle1000Against?: ByName;
  /** The rate of point selects over each peer's, by how many run at once. */
  readonly pointSelect?: Readonly<Record<string, ByName>>;
  /** The client's CPU time of point selects over each peer's, by how many run at once. */
  readonly pointSelectCpu?: Readonly<Record<string, ByName>>;
  /** CPU time above a bare array of connections, in µs per statement, by how many run at once. */
  readonly javascriptUs?: Readonly<Record<string, ByName>>;
  /** Sublet's CPU time in that with 16 at once, in µs per statement, by owner of the code. */
  readonly javascriptParts?: ByName;
  /** The rate of statements inside units of work over that outside. */
  readonly unitCost?: number;
  /** The rate of a hot virtual connection over one actual connection, and over mysql2's pool. */
  readonly hot?: { readonly oneActual: number; readonly mysql2Held: number };
  /** The rate of transactions over the same on a connection of mysql2. */
  readonly transaction?: number;
  /** How many connections there are after a spike. */
  readonly spikeOpened?: ByName;
  /** The time of the last answer of a spike over that with HikariCP's rule. */
  readonly spikeLast?: number;
  /** The cost of an event in a large pool over that in a small one. */
  readonly growth?: ByName;
  /** The cost of many requests that are never served, by how they end. */
  readonly crowd?: Readonly<Record<string, Crowd>>;
  /** Memory in bytes of an idle virtual connection, a waiting lease and a waiting statement. */
  readonly bytes?: {
    readonly virtual: number;
    readonly lease: number;
    readonly statement: number;
  };
  /** Errors and recovery around an outage of the server, by client. */
  readonly recovery?: Readonly<Record<string, Recovery>>;
  /** The time to import, create a pool and get the first answer, in ms. */
  readonly coldStartMs?: ByName;
  /** The part of that after the import. */
  readonly firstAnswerMs?: ByName;
  /** Both times over those of mysql2/promise. */
  readonly coldStart?: { readonly whole: number; readonly answer: number };
  /** The cost of a request and a release in the pure core, in ns, by the number of waiters. */
  readonly pairNs?: ByName;
  /** That cost with 10,000 waiters over that with ten. */
  readonly pairGrowth?: number;
  /** The cost of a lease in the pure core, in µs, by the size of the pool. */
  readonly coreUs?: ByName;
  /** The CPU time of a client per statement, in µs, by client and owner of the code. */
  readonly clientUs?: Readonly<Record<string, ByName>>;
}
