/** Importing the package costs no more bytes than promised. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/source.ts";
import { measureSizes } from "./size.ts";

/** The maximum size of the core alone, in bytes. */
const coreBytesMax = 6_000;
/** The maximum size of an import, without mysql2, in bytes. */
const allBytesMax = 78_000;

test("an import stays within its size, and an import for one runtime is smaller", async () => {
  const { coreGzip, allGzip, runtimeGzip } = await measureSizes();
  assert.ok(coreGzip <= coreBytesMax, `the core has ${coreGzip} bytes`);
  assert.ok(allGzip <= allBytesMax, `an import brings ${allGzip} bytes`);
  for (const [runtime, bytes] of Object.entries(runtimeGzip)) {
    assert.ok(bytes < allGzip, `an import of ${runtime} brings ${bytes} of ${allGzip} bytes`);
  }
});

test("README states the size of an import", async () => {
  const { allGzip, runtimeGzip } = await measureSizes();
  const readme = (await readFile(join(root, "README.md"), "utf8")).replaceAll(/\s+/g, " ");
  const kilobytes = (bytes: number): number => Math.round(bytes / 1000);
  const sizes = Object.values(runtimeGzip).map(kilobytes);
  const text = `An import brings ${Math.min(...sizes)} to ${kilobytes(allGzip)} kB`;
  assert.ok(readme.includes(text), `README does not say "${text}"`);
});
