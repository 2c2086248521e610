/**
 * A program that gets its first answer as soon as possible, and prints the times in ms: of the
 * import, of the creation of the pool and of the first query; and the CPU time of all three.
 *
 * The measurement copies it to a folder with the installed package, as a user would have it.
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
