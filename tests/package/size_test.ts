/** Importing the package costs no more than was promised. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { measureImports, measureSizes } from "./size.ts";

/** What the core alone may weigh, in bytes. */
const coreBytesMax = 5_800;
/** What an import may bring, in bytes. */
const allBytesMax = 22_500;
/** What an import may take over mysql2's own, in ms. */
const importMsMax = 8;
/** How often the time may be measured: other work on the machine adds to it, nothing takes away. */
const measurementsMax = 4;

test("an import brings few bytes, and the first connect loads the rest", async () => {
  const { coreGzip, allGzip, firstConnectGzip } = await measureSizes();
  assert.ok(coreGzip <= coreBytesMax, `the core has ${coreGzip} bytes`);
  assert.ok(allGzip <= allBytesMax, `an import brings ${allGzip} bytes`);
  for (const [runtime, bytes] of Object.entries(firstConnectGzip)) {
    assert.ok(bytes > 0, `the first connect on ${runtime} loads nothing`);
  }
});

test("an import takes little time over mysql2's own", async () => {
  const times: number[] = [];
  while (times.length < measurementsMax && !times.some((time) => time <= importMsMax)) {
    times.push((await measureImports()).importMs);
  }
  assert.ok(Math.min(...times) <= importMsMax, `it takes ${times.join(", ")} ms`);
});
