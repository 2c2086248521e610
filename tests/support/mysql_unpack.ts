/**
 * Unpacks MySQL beside the project, as Debian's stable releases have only MariaDB.
 *
 * The packages come from Debian's unstable release, from the mirror that the system's apt uses,
 * and apt verifies them with the same keys. The unpacking changes nothing in the system. The server
 * runs with the C library unpacked with it, as the system's library may be too old.
 */

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The folder of the unpacked server, kept between runs. */
const cache = fileURLToPath(new URL("../../node_modules/.cache/sublet/mysql", import.meta.url));
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const serverPackage = "mysql-server-core";

/** Packages that apt needs to configure the others, but the server does not need. */
const setUpOnly = /^(perl|libperl|libgdbm|libdb5|libbz2|libcrypt1)/;

/** Returns the path of a MySQL server, unpacked if needed; throws if that is impossible. */
export function unpackMysql(): string {
  const path = join(cache, "mysqld");
  if (existsSync(path)) return path;
  const mirror = debianMirror();
  mkdirSync(dirname(cache), { recursive: true });
  const folder = mkdtempSync(`${cache}-`);
  try {
    const began = performance.now();
    unpackPackages(folder, mirror);
    writeStarter(folder);
    publish(folder);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stderr.write(`Unpacked ${serverPackage} of Debian's unstable in ${seconds} s\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return path;
}

/** Returns the Debian mirror that the system's apt uses. */
function debianMirror(): string {
  const format = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
  if (process.platform !== "linux") throw new Error("MySQL is unpacked on Debian only");
  if (!existsSync(keyring)) throw new Error("Debian's keyring is not installed");
  const mirrors = run("apt-get", format, {}).split("\n").filter((uri) => /\/debian\/$/.test(uri));
  if (mirrors[0] === undefined) throw new Error("apt knows no mirror of Debian");
  return mirrors[0];
}

function unpackPackages(folder: string, mirror: string): void {
  const packages = join(folder, "packages");
  mkdirSync(packages);
  const env = { APT_CONFIG: configureApt(join(folder, "apt"), mirror), LC_ALL: "C" };
  run("apt-get", ["-qq", "update"], { env });
  const plan = run("apt-get", ["-s", "install", "--no-install-recommends", serverPackage], { env });
  const names = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? "");
  const needed = names.filter((name) => !setUpOnly.test(name));
  run("apt-get", ["-qq", "download", ...needed], { env, cwd: packages });
  for (const file of readdirSync(packages)) {
    run("dpkg-deb", ["-x", join(packages, file), join(folder, "root")], {});
  }
  for (const spare of ["apt", "packages", "root/usr/share/doc", "root/usr/share/man"]) {
    rmSync(join(folder, spare), { recursive: true, force: true });
  }
}

/** Writes an apt configuration that is independent of the system's; returns its path. */
function configureApt(folder: string, mirror: string): string {
  for (const name of ["etc", "lists/partial", "cache/archives/partial", "state"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  writeFileSync(join(folder, "state/status"), "");
  writeFileSync(
    join(folder, "etc/sources.list"),
    `deb [signed-by=${keyring}] ${mirror} sid main\n`,
  );
  const path = join(folder, "apt.conf");
  const settings = {
    "Dir::Etc": join(folder, "etc"),
    "Dir::Etc::sourcelist": join(folder, "etc/sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State": join(folder, "state"),
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "state/status"),
    "Dir::Cache": join(folder, "cache"),
    "Acquire::Languages": "none",
    // A mirror that is seldom refreshed has an old index; apt still verifies its signature.
    "Acquire::Check-Valid-Until": "false",
    "APT::Sandbox::User": "root",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`);
  writeFileSync(path, lines.join(""));
  return path;
}

/** Writes the script that starts the server with its own libraries, in any folder. */
function writeStarter(folder: string): void {
  const root = join(folder, "root");
  const inRoot = (path: string): string => `$here/${relative(folder, path)}`;
  const loader = inRoot(findFile(root, /^ld-linux.*\.so\.\d+$/));
  const libraries = inRoot(dirname(findFile(join(root, "usr/lib"), /^libc\.so\.6$/)));
  const share = "$here/root/usr/share/mysql";
  const script = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "${loader}" --library-path "${libraries}" "$here/root/usr/sbin/mysqld" "$@" \\
  --basedir="$here/root/usr" --plugin-dir="$here/root/usr/lib/mysql/plugin" \\
  --lc-messages-dir="${share}" --character-sets-dir="${share}/charsets" --secure-file-priv=
`;
  writeFileSync(join(folder, "mysqld"), script, { mode: 0o755 });
}

/** Moves the unpacked server to its place, unless another process was faster. */
function publish(folder: string): void {
  try {
    renameSync(folder, cache);
  } catch (error) {
    if (!existsSync(join(cache, "mysqld"))) throw error;
  }
}

function findFile(folder: string, name: RegExp): string {
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .find((path) => name.test(path.split("/").at(-1) ?? ""));
  if (found === undefined) throw new Error(`There is no ${name.source} in what was unpacked`);
  return join(folder, found);
}

/** Runs a program and returns its stdout; throws an error with its stderr if it fails. */
function run(
  program: string,
  args: readonly string[],
  { env = {}, cwd }: { env?: Record<string, string>; cwd?: string },
): string {
  return execFileSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
}
