/** The examples that end by themselves run, and print what their comments say. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Server, startServer } from "../support/server.ts";
import { binary, onDeno, Program } from "./support/program.ts";

let server: Server;
before(async () => {
  server = await startServer();
});
after(() => server.remove());

/** The command that runs an example in each runtime. */
const runtimes: Readonly<Record<string, readonly string[]>> = {
  Node: [binary("node")],
  Deno: await onDeno("run", "--allow-net", "--allow-env"),
  Bun: [binary("bun")],
};

for (const [runtime, command] of Object.entries(runtimes)) {
  const run = async (name: string): Promise<string> => {
    await using program = await Program.start([...command, `examples/${name}`], {
      MYSQL_URL: server.url(),
    });
    assert.deepEqual(await program.ended(), [0, null], program.output);
    // Each runtime breaks its output into lines differently.
    return program.lines.join(" ").replaceAll(/,?\s+([}\]])/g, " $1").replaceAll(/\s+/g, " ");
  };

  test(`on ${runtime}, the first query succeeds, and the process ends by itself`, async () => {
    assert.equal(await run("first_query.ts"), "[ { sum: 7 } ]");
  });

  test(`on ${runtime}, money moves in one transaction or not at all`, async () => {
    const said = await run("transactions.ts");
    assert.equal(said, "Account 1 has not enough [ { amount: 70 }, { amount: 30 } ]");
  });
}

test("each example has a test", () => {
  const folder = fileURLToPath(new URL("../../examples/", import.meta.url));
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const programs = names.filter((name) => name.endsWith(".ts") && !/^demo|\.d\.ts$/.test(name));
  assert.deepEqual(programs.sort(), [
    ...["bun_serve.ts", "deno_serve.ts", "first_query.ts", "hono.ts", "lambda.ts", "node_http.ts"],
    ...["transactions.ts", "vercel.ts", "workers/durable_object.ts", "workers/hyperdrive.ts"],
    "workers/per_request.ts",
  ]);
});
