/**
 * Runs a script of this project where only Node and npm are installed:
 * `node bootstrap.mjs <script.ts> [arguments]`.
 *
 * It first installs the packages of the lockfile if npm's record of installed packages is missing
 * or older. Then it runs the script on the Node in those packages, which runs TypeScript; this file
 * is JavaScript, as it may run on an older Node. It passes signals and the exit status on.
 */

import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join, sep } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const binaries = join(root, "node_modules", ".bin");
const node = join(binaries, "node");
const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

const reason = reasonToInstall();
if (reason !== undefined) await install(reason);
await run(node, process.argv.slice(2), { stdio: "inherit" });

/** Returns why the packages have to be installed, if they have to. */
function reasonToInstall() {
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return "nothing is installed yet";
  if (statSync(record).mtimeMs < statSync(join(root, "package-lock.json")).mtimeMs) {
    return "what is installed is older than package-lock.json";
  }
  if (!existsSync(node)) return "node_modules holds no Node: its install script was not run";
  return undefined;
}

/** Installs the packages of the lockfile; npm's output goes to stderr. */
async function install(reason) {
  process.stderr.write(`Installing npm packages, as ${reason} (about half a minute)\n`);
  // npm puts node_modules/.bin first on the path of a script; the install removes the Node there.
  const path = (process.env.PATH ?? "").split(delimiter)
    .filter((folder) => !folder.includes(`node_modules${sep}.bin`));
  const env = { ...process.env, PATH: path.join(delimiter) };
  const options = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=warn"];
  const began = performance.now();
  await run("npm", options, { cwd: root, env, stdio: ["ignore", 2, 2] });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stderr.write(`Installed npm packages in ${seconds} s\n`);
}

/** Runs a program to its end; if the program fails, this process exits with the same status. */
function run(program, args, options) {
  const child = spawn(program, args, options);
  const pass = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, pass);
  return new Promise((resolve) => {
    child.on("error", (error) => {
      process.stderr.write(`Cannot run ${program}: ${error.message}\n`);
      process.exit(1);
    });
    child.on("exit", (status, signal) => {
      for (const each of signals) process.off(each, pass);
      if (signal !== null) process.exit(128 + constants.signals[signal]);
      if (status !== 0) process.exit(status ?? 1);
      resolve(undefined);
    });
  });
}
