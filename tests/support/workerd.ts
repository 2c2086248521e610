/**
 * Cloudflare's own runtime, serving one worker to tests: local addresses are in reach of it.
 *
 * A worker is bundled as its author would, by esbuild: with one setting, as the driver is
 * CommonJS and asks for Node's modules by `require`, which workers do not have.
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

/** How a worker is bundled; the banner is the setting. */
export const workerBundling = {
  banner: { js: "const require = process.getBuiltinModule;" },
  bundle: true,
  external: ["cloudflare:*"],
  format: "esm",
  platform: "node",
} as const satisfies BuildOptions;

/** The day whose workerd is asked for. */
export const compatibilityDate = "2026-10-01";

/** What serves a worker. */
export class Workerd implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #keeper: Keeper;
  readonly #exited: Promise<unknown>;
  #said = "";
  /** Where it serves. */
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

  /** What it has complained of. */
  get said(): string {
    return this.#said;
  }

  /**
   * Serves the worker of a file, which finds `variables` in its `env`. The configuration is
   * written beside the file; its folder is removed in the end.
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

  /** Ends it and removes the worker's folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
    await this.#keeper.release();
  }
}

/** Returns the port that workerd says it listens at. */
async function portOf(control: Readable): Promise<number> {
  for await (const line of createInterface({ input: control })) {
    const { event, port } = JSON.parse(line);
    if (event === "listen") return port;
  }
  throw new Error("workerd has ended before it listened; what it said is on stderr");
}

/** What a worker finds around it. */
export interface WorkerSurroundings {
  /** What it finds in its `env`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** The files of the certificates of those whom the platform trusts; nobody if not given. */
  readonly authorities?: readonly string[];
  /** What else it finds in its `env`, in the words of workerd's configuration; and so the rest. */
  readonly bindings?: readonly string[];
  /** Further services. */
  readonly services?: readonly string[];
  /** What else is said of the worker itself. */
  readonly properties?: readonly string[];
}

/** Returns the configuration that serves a worker; the files it names lie beside it. */
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
