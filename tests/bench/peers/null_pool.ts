/** This pool over in-process sessions that do nothing, so that only the pool's own cost remains. */

import type {
  Answering,
  Condition,
  Connector,
  Session,
  StatementFacts,
} from "../../../src/port/session.ts";
import { createSubletPool } from "../../../src/shell/compose.ts";
import type { PoolOptions } from "../../../src/shell/options.ts";
import type { MainPool } from "../../../src/shell/main_pool.ts";

/** A pool of sessions that do nothing. */
export type NullPool = MainPool<"main", object, object>;

/** Creates a pool of sessions that do nothing. */
export function createNullPool(options: PoolOptions<"main">): NullPool {
  return createSubletPool<"main", object, object>({ shared: false, ...options }, {
    connector: nullConnector,
    targetOptions: [],
    targetOf: () => ({}),
    retargetOf: (base) => base,
    keyOf: () => "",
    shapeOf: () => undefined,
    compileMethod: (sql) => ({ sql, bind: () => [] }),
    isRepeatable: () => false,
    isLoss: () => false,
  });
}

const nullConnector: Connector = {
  connect: () => Promise.resolve(new NullSession()),
  isFull: () => false,
  keyOf: () => "",
  addressOf: () => "",
  describe: () => "",
};

const NO_FACTS: StatementFacts = {
  isReadOnly: true,
  isSingleWrite: false,
  reads: "nothing",
  endsTransaction: undefined,
  sessionOnly: undefined,
};

/** A session that is always clean and alive. */
class NullSession implements Session {
  readonly driver: object = {};
  readonly threadId: number = 0;
  readonly isAlive: boolean = true;
  readonly isInTransaction: boolean = false;
  readonly isPinned: boolean = false;
  readonly resultInfoCount: number = 0;
  readonly clearingCount: number = 0;
  readonly permanentCount: number = 0;
  readonly unprovenReads: ReadonlyMap<string, number> = new Map();
  readonly idCount: number = 0;
  readonly transaction: number = 0;
  readonly transactionEndedBy: string | undefined = undefined;
  readonly condition: Condition = "clean";
  readonly send = (_statement: unknown, answering: Answering): void => {
    queueMicrotask(() => answering.done([], []));
  };
  readonly cancelStatement = (): void => undefined;
  readonly run = (): Promise<[unknown, unknown]> => Promise.resolve([[], []]);
  readonly lend = (): object => this.driver;
  readonly cancelAll = (): void => undefined;
  readonly factsOf = (): StatementFacts => NO_FACTS;
  readonly check = (): Promise<void> => Promise.resolve();
  readonly proveReads = (): Promise<boolean> => Promise.resolve(true);
  readonly reset = (): Promise<undefined> => Promise.resolve(undefined);
  readonly retarget = (): Promise<void> => Promise.resolve();
  readonly close = (): Promise<void> => Promise.resolve();
  readonly setRef = (): void => undefined;
  readonly destroy = (): void => undefined;
}
