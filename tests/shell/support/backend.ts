/** The backend of a pool that runs on the fake server. */

import { keyOfValue, shapeOfValue } from "../../../src/mysql/keys.ts";
import type { Backend } from "../../../src/shell/backend.ts";
import { DEADLOCK, type FakeConnector, FakeServerError, LOST } from "./fake_connector.ts";
import type { ManualClock } from "./manual_clock.ts";

/** Returns a backend that opens sessions with a fake connector and reads a manual clock. */
export function backendOf(
  connector: FakeConnector,
  clock: ManualClock,
): Backend {
  return {
    connector,
    clock,
    targetOptions: ["host", "database"],
    targetOf: (options) => ({ host: "a", database: "shop", ...options }),
    retargetOf: (base, overrides) => ({ ...base, ...overrides }),
    keyOf: keyOfValue,
    shapeOf: shapeOfValue,
    compileMethod: (sql) => ({
      sql: sql.replaceAll(/:\w+/g, "?"),
      bind: (args) => Object.values(args as object),
    }),
    isRepeatable: (error) => error instanceof FakeServerError && error.errno === DEADLOCK,
    isLoss: (error) => error instanceof FakeServerError && error.errno === LOST,
  };
}
