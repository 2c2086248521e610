/** JSR accepts the package with its types, and the package contains no other files. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { denoConfig } from "../support/deno_config.ts";
import { root } from "../support/source.ts";

const run = promisify(execFile);

test("deno publish accepts the package", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sublet-publish-"));
  try {
    const manifest = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
    for (const name of manifest.publish.include) {
      await cp(join(root, name), join(folder, name), { recursive: true });
    }
    const { link } = await denoConfig();
    const links = link === undefined ? {} : { links: [link] };
    const config = { ...manifest, ...links, nodeModulesDir: "manual" };
    await writeFile(join(folder, "deno.json"), JSON.stringify(config));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const said = await dryRun(folder);
    assert.match(said, /Success.*Dry run complete/);
    const files = [...said.matchAll(/^ +file:\S*?\/sublet-publish-\w+\/(\S+) \(/gm)];
    const names = files.map(([, name = ""]) => name);
    const wanted = (name: string): boolean =>
      /^(deno\.json|LICENSE|(README|CHANGELOG)\.md|mod\.ts|src\/[\w/]+\.ts)$/.test(name);
    assert.deepEqual(names.filter((name) => !wanted(name)), []);
    for (const path of Object.values<string>(manifest.exports)) {
      assert.ok(names.includes(path.slice(2)), path);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function dryRun(cwd: string): Promise<string> {
  const deno = join(root, "node_modules", ".bin", "deno");
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const { stdout, stderr } = await run(deno, ["publish", "--dry-run", "--allow-dirty"], {
    cwd,
    env,
  });
  return stdout + stderr;
}
