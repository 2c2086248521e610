/** All measurements, in the order in which they run. */

import type { Measurement } from "./measurement.ts";
import { clientTime } from "./measurements/client_time.ts";
import { coldStart } from "./measurements/cold_start.ts";
import { corePair } from "./measurements/core_pair.ts";
import { crowd } from "./measurements/crowd.ts";
import { fairness } from "./measurements/fairness.ts";
import { growth } from "./measurements/growth.ts";
import { hot } from "./measurements/hot.ts";
import { javascript } from "./measurements/javascript.ts";
import { memory } from "./measurements/memory.ts";
import { pointSelect } from "./measurements/point_select.ts";
import { poolCycle } from "./measurements/pool_cycle.ts";
import { recovery } from "./measurements/recovery.ts";
import { spike } from "./measurements/spike.ts";
import { transaction } from "./measurements/transaction.ts";
import { units } from "./measurements/units.ts";

/** All measurements. */
export const CATALOG: readonly Measurement[] = [
  corePair,
  poolCycle,
  javascript,
  pointSelect,
  units,
  transaction,
  hot,
  spike,
  growth,
  crowd,
  memory,
  recovery,
  coldStart,
  clientTime,
  fairness,
];
