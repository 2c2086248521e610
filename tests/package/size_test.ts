/** Importing the package costs no more than was promised. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { measureImports, measureSizes } from "./size.ts";

/** What the core alone may weigh, in bytes. */
const coreBytesMax = 5_000;
/** What an import may bring, in bytes. */
const allBytesMax = 16_000;
/** What an import may take over mysql2's own, in ms, where that takes no more than `quietMs`. */
const importMsMax = 5;
/** What mysql2's own takes on a machine with nothing else to do; on others all takes longer. */
const quietMs = 50;
/** How often the time may be measured: other work on the machine adds to it, nothing takes away. */
const measurementsMax = 4;

test("an import brings few bytes, the first use and the first connect the rest", async () => {
  const { coreGzip, allGzip, firstUseGzip, firstConnectGzip } = await measureSizes();
  assert.ok(coreGzip <= coreBytesMax, `the core has ${coreGzip} bytes`);
  assert.ok(allGzip <= allBytesMax, `an import brings ${allGzip} bytes`);
  assert.ok(firstUseGzip > coreGzip, "the first use does not load what runs a pool");
  for (const [runtime, bytes] of Object.entries(firstConnectGzip)) {
    assert.ok(bytes > 0, `the first connect on ${runtime} loads nothing`);
  }
});

test("an import takes little time over mysql2's own", async () => {
  const times: number[] = [];
  while (times.length < measurementsMax && !times.some((time) => time <= importMsMax)) {
    const { importMs, mysql2Ms } = await measureImports();
    times.push(importMs * Math.min(1, quietMs / mysql2Ms));
  }
  assert.ok(Math.min(...times) <= importMsMax, `it takes ${times.join(", ")} ms`);
});
