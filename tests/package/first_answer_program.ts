/**
 * A process that has its first answer as soon as it can, and says what it took, in ms: the
 * import, the pool, and the first query; and the CPU time of all three.
 *
 * It is copied to where the package is installed, so that it gets what a user gets.
 */

import process from "node:process";

const [module = "", uri = ""] = process.argv.slice(2);
const cpuBefore = process.cpuUsage();
const began = performance.now();
const { createPool } = await import(module);
const imported = performance.now();
const pool = createPool(uri);
const created = performance.now();
await pool.query("SELECT 1");
const answered = performance.now();
const { user, system } = process.cpuUsage(cpuBefore);
const times = {
  import: imported - began,
  create: created - imported,
  query: answered - created,
  all: answered - began,
  cpu: (user + system) / 1000,
};
process.stdout.write(JSON.stringify(times), () => process.exit());
