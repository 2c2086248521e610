/**
 * Cloudflare's own runtime, workerd, serving one worker to tests; it can reach local addresses.
 *
 * esbuild bundles a worker as its author would, with one setting: the driver is CommonJS and loads
 * Node's modules by `require`, which workers do not have.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { BuildOptions } from "esbuild";
import { Keeper } from "./keeper.ts";
import { root } from "./source.ts";

/** The esbuild options of a worker; the banner is the setting. */
export const workerBundling = {
  banner: { js: "const require = process.getBuiltinModule;" },
  bundle: true,
  external: ["cloudflare:*"],
  format: "esm",
  platform: "node",
} as const satisfies BuildOptions;

/** The compatibility date of workers. */
export const compatibilityDate = "2026-10-01";

/** A workerd process that serves a worker. */
export class Workerd implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #keeper: Keeper;
  readonly #exited: Promise<unknown>;
  #said = "";
  /** The URL that it serves. */
  readonly url: string;

  private constructor(child: ChildProcess, keeper: Keeper, exited: Promise<unknown>, url: string) {
    this.#child = child;
    this.#keeper = keeper;
    this.#exited = exited;
    this.url = url;
    child.stderr?.on("data", (bytes: Buffer) => {
      process.stderr.write(bytes);
      this.#said += String(bytes);
    });
  }

  /** Its stderr so far. */
  get said(): string {
    return this.#said;
  }

  /**
   * Serves the worker of a file, with `variables` in its `env`. Writes the configuration beside the
   * file, and removes the folder at the end.
   */
  static async start(
    path: string,
    variables: Readonly<Record<string, string>>,
    more: WorkerSurroundings = {},
  ): Promise<Workerd> {
    const folder = dirname(path);
    const config = join(folder, "config.capnp");
    const script = path.slice(folder.length + 1);
    await writeFile(config, workerConfiguration(script, { ...more, variables }));
    const keeper = new Keeper(folder);
    const binary = join(root, "node_modules", ".bin", "workerd");
    const child = spawn(binary, ["serve", config, "--control-fd=3"], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    keeper.watch(child.pid);
    const exited = once(child, "exit").then(() => keeper.watch(undefined));
    const port = await portOf(child.stdio[3] as Readable);
    return new Workerd(child, keeper, exited, `http://127.0.0.1:${port}/`);
  }

  /** Ends the process and removes the worker's folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
    await this.#keeper.release();
  }
}

/** Returns the port that workerd reports. */
async function portOf(control: Readable): Promise<number> {
  for await (const line of createInterface({ input: control })) {
    const { event, port } = JSON.parse(line);
    if (event === "listen") return port;
  }
  throw new Error("workerd has ended before it listened; what it said is on stderr");
}

/** The environment of a worker. */
export interface WorkerSurroundings {
  /** Texts in its `env`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** The certificate files of the authorities that the platform trusts; by default none. */
  readonly authorities?: readonly string[];
  /** Other bindings in its `env`, in the syntax of workerd's configuration, as all below. */
  readonly bindings?: readonly string[];
  /** Further services. */
  readonly services?: readonly string[];
  /** Further properties of the worker. */
  readonly properties?: readonly string[];
}

/** Returns the configuration that serves a worker; it names files beside it. */
export function workerConfiguration(script: string, surroundings: WorkerSurroundings): string {
  const { variables = {}, authorities = [], services = [], properties = [] } = surroundings;
  const trusted = authorities.map((file) => `embed ${JSON.stringify(file)}`);
  const texts = Object.entries(variables).map(([name, text]) =>
    `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`
  );
  const bindings = [...texts, ...surroundings.bindings ?? []];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "network", network = (
      allow = ["private", "local"],
      tlsOptions = (trustedCertificates = [${trusted.join(", ")}]),
    )),
    ${services.map((service) => `${service},`).join("\n    ")}
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${JSON.stringify(script)})],
  bindings = [${bindings.join(", ")}],
  compatibilityDate = "${compatibilityDate}",
  globalOutbound = "network",
  ${properties.map((property) => `${property},`).join("\n  ")}
);
`;
}
