/** Every example of the docs and of README runs, on a real server. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Server, startServer } from "../support/server.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const home = (entry = ""): string =>
  JSON.stringify(
    new URL(entry === "" ? "../../mod.ts" : `../../src/entries${entry}.ts`, import.meta.url).href,
  );

/** What examples take for granted that do not make a pool themselves. */
const imports = 'import { createPool } from "@sublet/mysql";\n';
const surroundings = `
type Order = { id: number; sku: string };
const uri = "mysql://app:secret@127.0.0.1:3306/shop";
const db = createPool({ uri, connections: { shop: {}, reports: { database: "reports" } } });
const shop = db.connection("shop");
const sku = "tea";
const report = () => db.connection("reports").query("SELECT DATABASE()");
const ordersFor = async (_request: Request) => (await shop.query("SELECT * FROM orders"))[0];
const audit = (name: string) => shop.query("SELECT * FROM stock WHERE sku = ?", [name]);
`;

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

/** Returns the examples of a file: what stands between fences that say ts. */
function examplesOf(text: string): readonly string[] {
  const bare = text.replace(/^ *\*( |$)/gm, "");
  return [...bare.matchAll(/^```ts.*\n([^]*?)^```$/gm)].map(([, code]) => code ?? "");
}

/** Returns an example as a program that ends by itself, on our server. */
function programOf(code: string): string {
  const isWhole = /^import .*(mod\.ts|@sublet\/mysql)/m.test(code);
  const opening = isWhole ? "" : code.includes("createPool(") ? imports : imports + surroundings;
  return (opening + code)
    .replaceAll(/"(?:@sublet\/mysql|\.\/mod\.ts)(\/\w+)?"/g, (_, entry) => home(entry))
    .replaceAll("127.0.0.1:3306", `127.0.0.1:${server.port}`)
    .replace(".listen(8080)", ".listen(0, function () { this.close(); })");
}

const files = ["README.md", "mod.ts"];
for (const entry of await readdir(join(root, "src"), { recursive: true })) {
  if (entry.endsWith(".ts")) files.push(join("src", entry));
}

let count = 0;
for (const file of files) {
  const examples = examplesOf(await readFile(join(root, file), "utf8"));
  for (const [index, code] of examples.entries()) {
    count++;
    test(`example ${index + 1} of ${file} runs`, async () => {
      const program = join(folder, `${file.replaceAll(/\W/g, "_")}_${index}.ts`);
      await writeFile(program, programOf(code));
      await run(process.execPath, [program], { timeout: 20_000 });
    });
  }
}

test("the docs have examples", () => {
  assert.ok(count >= 12, `only ${count} were found`);
});
