/**
 * Finds a server to start: a MariaDB or MySQL on the path, else MariaDB by apt, installed where
 * that needs no confirmation. Tests that need MySQL get it unpacked beside the project, if
 * possible.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { unpackMysql } from "./mysql_unpack.ts";

/** The flavor of a server. */
export type Flavor = "mariadb" | "mysql";

/** A server that can be started here. */
export interface ServerBinary {
  /** The path of the program. */
  readonly path: string;
  /** Its flavor, on which the creation of a data folder depends. */
  readonly flavor: Flavor;
  /** Its own version text. */
  readonly version: string;
}

/**
 * Returns a server binary; installs one by apt on Debian or Ubuntu as root. Undefined if there is
 * none and none can be installed.
 */
export function serverBinary(): ServerBinary | undefined {
  return onPath() ?? (installByApt() ? onPath() : undefined);
}

/** Returns a server binary of MySQL; throws an error with the reason if there is none. */
export function mysqlBinary(): ServerBinary {
  const path = find("mysqld");
  const found = path === undefined ? undefined : describe(path);
  return found?.flavor === "mysql" ? found : describe(unpackMysql());
}

/** Returns why a server of a flavor cannot be started here; undefined if it can. */
export function lackOf(flavor: Flavor): string | undefined {
  if (flavor === "mariadb") {
    return serverBinary()?.flavor === flavor ? undefined : "MariaDB cannot be had here";
  }
  try {
    mysqlBinary();
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `MySQL cannot be had here: ${error.message.trim()}`;
  }
}

function onPath(): ServerBinary | undefined {
  const path = find("mariadbd") ?? find("mysqld");
  return path === undefined ? undefined : describe(path);
}

function describe(path: string): ServerBinary {
  const version = execFileSync(path, ["--no-defaults", "--version"], { encoding: "utf8" }).trim();
  return { path, flavor: version.includes("MariaDB") ? "mariadb" : "mysql", version };
}

/** Returns the path of a program; also looks in folders that are often only on root's path. */
export function find(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  for (const folder of [...folders, "/usr/sbin", "/usr/local/sbin", "/usr/libexec"]) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}

function installByApt(): boolean {
  if (process.getuid?.() !== 0 || !isDebian() || find("apt-get") === undefined) return false;
  process.stderr.write("Installing mariadb-server by apt, as no server is on the path\n");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const began = performance.now();
  for (
    const args of [
      ["-q", "update"],
      ["-q", "install", "-y", "--no-install-recommends", "mariadb-server"],
    ]
  ) {
    const { status } = spawnSync("apt-get", args, { env, stdio: ["ignore", 2, 2] });
    if (status !== 0) {
      throw new Error(`Cannot install a server: apt-get ${args.join(" ")} ended with ${status}`);
    }
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stderr.write(`Installed mariadb-server in ${seconds} s\n`);
  return true;
}

function isDebian(): boolean {
  const file = "/etc/os-release";
  return existsSync(file) && /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync(file, "utf8"));
}
