/**
 * Every example of the docs and of README compiles, and runs on a real server: in Node, Deno
 * and Bun, or, if it is of one runtime's entry, in that runtime.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { denoConfig } from "../support/deno_config.ts";
import { type Server, startServer } from "../support/server.ts";
import { workerBundling, Workerd } from "../support/workerd.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const binary = (name: string): string => join(root, "node_modules", ".bin", name);
const home = (entry = ""): string =>
  JSON.stringify(
    join(root, entry === "" ? "mod.ts" : `src/entries/${entry.slice(1).replace("/", "_")}.ts`),
  );

/** The declarations that an example assumes if it does not create a pool. */
const surroundings = `
type Order = { id: number; sku: string };
const uri = "mysql://app:secret@127.0.0.1:3306/shop";
const db = createPool({ uri, connections: { shop: {}, reports: { database: "reports" } } });
const shop = db.connection("shop");
const sku = "tea";
const report = () => db.connection("reports").query("SELECT DATABASE()");
const ordersFor = async (_request: Request) => (await shop.query("SELECT * FROM orders"))[0];
const queue = { push: <T>(job: () => Promise<T>): Promise<T> => job() };
const audit = (name: string) => shop.query("SELECT * FROM stock WHERE sku = ?", [name]);
`;

/** Replaces an example's `listen`, so that its HTTP server ends by itself. */
const closing = ".listen(0, function (this: { close(): void }) { this.close(); })";

interface Example {
  readonly title: string;
  /** The file that contains the example, relative to the root. */
  readonly file: string;
  readonly code: string;
  /** The runtimes in which the example runs. */
  readonly runtimes: readonly string[];
}

let server: Server;
let folder: string;

before(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), "sublet-docs-"));
  for (const name of ["shop", "reports", "tenant_7"]) await server.query(`CREATE DATABASE ${name}`);
  await server.query("CREATE TABLE shop.stock (sku VARCHAR(9) PRIMARY KEY, n INT)");
  await server.query(
    "CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, sku VARCHAR(9))",
  );
  await server.query("INSERT INTO shop.stock VALUES ('tea', 9)");
  await server.query("INSERT INTO shop.orders (sku) VALUES ('tea')");
});

after(async () => {
  await server.remove();
  await rm(folder, { recursive: true, force: true });
});

/** Returns the examples of a file: its code blocks marked `ts`. */
async function examplesOf(file: string): Promise<readonly Example[]> {
  const bare = (await readFile(join(root, file), "utf8")).replace(/^ *\*( |$)/gm, "");
  const own = /^src\/entries\/(node|deno|bun|workerd)\.ts$/.exec(file)?.[1];
  const runtimes = own === undefined ? ["node", "deno", "bun"] : [own];
  return [...bare.matchAll(/^```ts.*\n([^]*?)^```$/gm)].map(([, code = ""], index) => (
    { title: `example ${index + 1} of ${file}`, file, code, runtimes }
  ));
}

/** Returns an example as a program that uses the test's server and ends by itself. */
function programOf({ file, code, runtimes: [runtime = "", ...others] }: Example): string {
  const entry = others.length > 0 ? "" : `/${runtime}`;
  const isWhole = /^import .*(mod\.ts|@sublet\/mysql)/m.test(code);
  const imports = `import { createPool } from "@sublet/mysql${entry}";\n`;
  const opening = isWhole ? "" : code.includes("createPool(") ? imports : imports + surroundings;
  const asked = code.includes(`"@sublet/mysql${entry}"`) || !isWhole || file === "README.md" ||
    file.includes("compat") && code.includes('"@sublet/mysql/compat');
  assert.ok(asked, `${file} shows another entry than its own`);
  return (opening + code)
    .replaceAll(/"(?:@sublet\/mysql|\.\/mod\.ts)((?:\/\w+)*)"/g, (_, entry) => home(entry))
    .replaceAll("127.0.0.1:3306", `127.0.0.1:${server.port}`)
    .replace(".listen(8080)", closing);
}

async function placed(example: Example): Promise<string> {
  const path = join(folder, `${example.title.replaceAll(/\W/g, "_")}.ts`);
  await writeFile(path, programOf(example));
  return path;
}

async function runIn(runtime: string, example: Example): Promise<void> {
  const path = await placed(example);
  const { path: config } = await denoConfig();
  const commands: Record<string, string[]> = {
    node: [process.execPath],
    deno: [binary("deno"), "run", "--allow-all", "--no-check", "--no-lock", "--config", config],
    bun: [binary("bun"), "run"],
  };
  const [program, ...args] = commands[runtime] ?? [];
  if (program === undefined) return await serveIn(programOf(example));
  await run(program, [...args, path], { timeout: 20_000 });
}

/** Runs a program inside a worker's `fetch` handler. */
async function serveIn(program: string): Promise<void> {
  const lines = program.split("\n");
  const [imports, body] = [true, false].map((isImport) =>
    lines.filter((line) => line.startsWith("import ") === isImport).join("\n")
  );
  const worker = `${imports}
    async function fetch() {
      ${body}
      return new Response("it ran");
    }
    export default { fetch };`;
  const own = await mkdtemp(join(folder, "worker-"));
  const outfile = join(own, "worker.js");
  const stdin = { contents: worker, loader: "ts", resolveDir: root } as const;
  await build({ ...workerBundling, outfile, stdin });
  await using workerd = await Workerd.start(outfile, {});
  const response = await globalThis.fetch(workerd.url);
  assert.equal(await response.text(), "it ran");
}

const files = ["README.md", "mod.ts"];
for (const entry of await readdir(join(root, "src"), { recursive: true })) {
  if (entry.endsWith(".ts")) files.push(join("src", entry));
}
const examples = (await Promise.all(files.map(examplesOf))).flat();

for (const example of examples) {
  for (const runtime of example.runtimes) {
    test(`${example.title} runs in ${runtime}`, () => runIn(runtime, example));
  }
}

test("every example compiles", async () => {
  const paths = await Promise.all(examples.map(placed));
  const { path: config } = await denoConfig();
  await run(binary("deno"), ["check", "--config", config, "--no-lock", ...paths]);
});

test("the docs have examples", () => {
  assert.ok(examples.length >= 20, `only ${examples.length} were found`);
});
