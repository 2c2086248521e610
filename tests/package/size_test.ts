/** Importing the package costs no more than was promised. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/source.ts";
import { measureSizes } from "./size.ts";

/** What the core alone may weigh, in bytes. */
const coreBytesMax = 6_000;
/** What an import may bring, without mysql2, in bytes. */
const allBytesMax = 71_000;

test("an import brings few bytes, and those of one runtime fewer", async () => {
  const { coreGzip, allGzip, runtimeGzip } = await measureSizes();
  assert.ok(coreGzip <= coreBytesMax, `the core has ${coreGzip} bytes`);
  assert.ok(allGzip <= allBytesMax, `an import brings ${allGzip} bytes`);
  for (const [runtime, bytes] of Object.entries(runtimeGzip)) {
    assert.ok(bytes < allGzip, `an import of ${runtime} brings ${bytes} of ${allGzip} bytes`);
  }
});

test("README says what an import brings", async () => {
  const { allGzip, runtimeGzip } = await measureSizes();
  const readme = (await readFile(join(root, "README.md"), "utf8")).replaceAll(/\s+/g, " ");
  const kilobytes = (bytes: number): number => Math.round(bytes / 1000);
  const sizes = Object.values(runtimeGzip).map(kilobytes);
  const text = `An import brings ${Math.min(...sizes)} to ${kilobytes(allGzip)} kB`;
  assert.ok(readme.includes(text), `README does not say "${text}"`);
});
