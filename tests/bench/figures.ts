/** What a run ends with for programs: ratios are this pool's throughput over the other's. */

/** Figures by the names of who was measured. */
export type ByName = Readonly<Record<string, number>>;

/** What became of those who asked while a server was gone. */
export interface Recovery {
  /** How many units of work failed. */
  readonly errors: number;
  /** When the first one was done after the server was back, in ms after that. */
  readonly ms: number;
}

/** What a crowd that gets nothing costs, in ms of CPU time. */
export interface Crowd {
  /** To ask. */
  readonly askMs: number;
  /** To be refused, to time out or to be aborted. */
  readonly giveUpMs: number;
}

/** All figures; a run has those of what it was asked to measure. */
export interface Figures {
  /** A lease and its release, one at a time, in µs. */
  readonly cycleUs?: ByName;
  /** The same, a thousand at once on ten. */
  readonly cycle1000Us?: ByName;
  /** How many times as much one, and one among a thousand, costs as with each peer. */
  readonly cycleAgainst?: ByName;
  readonly cycle1000Against?: ByName;
  /** Point selects, by how many at once and by peer. */
  readonly pointSelect?: Readonly<Record<string, ByName>>;
  /** The client's CPU in them: how many times as much as each peer's, by how many at once. */
  readonly pointSelectCpu?: Readonly<Record<string, ByName>>;
  /** JavaScript above a bare array of connections, µs a statement, by how many at once. */
  readonly javascriptUs?: Readonly<Record<string, ByName>>;
  /** What Sublet's CPU goes to in that, 16 at once, in µs a statement, by whose code it is. */
  readonly javascriptParts?: ByName;
  /** Statements inside units of work against outside. */
  readonly unitCost?: number;
  /** A hot virtual connection against one actual connection, and against mysql2's. */
  readonly hot?: { readonly oneActual: number; readonly mysql2Held: number };
  /** A transaction against the same on a connection of mysql2. */
  readonly transaction?: number;
  /** How many connections a spike has opened, those included that were there. */
  readonly spikeOpened?: ByName;
  /** When the last of a spike was answered: of what HikariCP's rule gives. */
  readonly spikeLast?: number;
  /** How many times as much an event costs in a large pool as in a small one. */
  readonly growth?: ByName;
  /** Many at once who get nothing, by how they are given up. */
  readonly crowd?: Readonly<Record<string, Crowd>>;
  /** What lies in memory, in bytes: for an idle virtual connection, and for each that waits. */
  readonly bytes?: {
    readonly virtual: number;
    readonly lease: number;
    readonly statement: number;
  };
  /** What users saw while a server was gone. */
  readonly recovery?: Readonly<Record<string, Recovery>>;
  /** To import, define and get the first answer, in ms. */
  readonly coldStartMs?: ByName;
  /** The part of that after the import. */
  readonly firstAnswerMs?: ByName;
  /** How many times as long as mysql2/promise both take. */
  readonly coldStart?: { readonly whole: number; readonly answer: number };
  /** A request and a release in the pure core, in ns, by how many wait. */
  readonly pairNs?: ByName;
  /** How many times as much that costs with 10,000 waiters as with ten. */
  readonly pairGrowth?: number;
  /** What an event costs in the pure core, in µs, by what the pool is like. */
  readonly coreUs?: ByName;
  /** What the client spends on a statement, in µs, by who was measured and whose code it is. */
  readonly clientUs?: Readonly<Record<string, ByName>>;
}
