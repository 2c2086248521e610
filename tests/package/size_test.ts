/** Importing the package costs no more than was promised. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/source.ts";
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

test("README says what an import, the first use and the first connect bring", async () => {
  const { allGzip, firstUseGzip, firstConnectGzip } = await measureSizes();
  const readme = (await readFile(join(root, "README.md"), "utf8")).replaceAll(/\s+/g, " ");
  const [brought, used, ...connected] = [allGzip, firstUseGzip, ...Object.values(firstConnectGzip)]
    .map((bytes) => Math.round(bytes / 1000));
  const [least, most] = [Math.min(...connected), Math.max(...connected)];
  for (
    const text of [
      `${brought} kB minified and compressed`,
      `what runs a pool, ${used} kB,`,
      `mysql2 and ${least} to ${most} kB more`,
    ]
  ) assert.ok(readme.includes(text), `README does not say "${text}"`);
});

test("an import takes little time over mysql2's own", async () => {
  const times: number[] = [];
  while (times.length < measurementsMax && !times.some((time) => time <= importMsMax)) {
    const { importMs, mysql2Ms } = await measureImports();
    times.push(importMs * Math.min(1, quietMs / mysql2Ms));
  }
  assert.ok(Math.min(...times) <= importMsMax, `it takes ${times.join(", ")} ms`);
});
