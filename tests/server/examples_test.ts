/** Every example runs and says what its comments say it does. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import process from "node:process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Server, startServer } from "../support/server.ts";

const folder = fileURLToPath(new URL("../../examples/", import.meta.url));

let server: Server;
before(async () => {
  server = await startServer();
});
after(() => server.remove());

/** Starts an example; what it prints comes line by line to `heard`. */
function start(name: string, heard: (line: string) => void): ChildProcess {
  const env = { ...process.env, MYSQL_URL: server.url(), PORT: "0" };
  const child = spawn(process.execPath, [folder + name], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => text.split("\n").forEach(heard));
  }
  return child;
}

async function run(name: string): Promise<string> {
  const lines: string[] = [];
  const [code] = await once(start(name, (line) => lines.push(line)), "close");
  assert.equal(code, 0, lines.join("\n"));
  return lines.join("\n").trim();
}

test("the first query answers, and the process ends by itself", async () => {
  assert.equal(await run("first_query.ts"), "[ { sum: 7 } ]");
});

test("money moves in one transaction or not at all, with one connection", async () => {
  const said = await run("transactions.ts");
  assert.equal(said, "Account 1 has not enough\n\n[ { amount: 70 }, { amount: 30 } ]");
});

test("a web server answers, and drains when it is asked to end", async () => {
  const lines: string[] = [];
  const { promise: port, resolve } = Promise.withResolvers<string>();
  const child = start("node_http.ts", (line) => {
    lines.push(line);
    const found = /port: (\d+)/.exec(lines.join("\n"))?.[1];
    if (found !== undefined) resolve(found);
  });
  const answer = await fetch(`http://127.0.0.1:${await port}`, {
    headers: { connection: "close" },
  });
  assert.match(await answer.text(), /^\{"id":\d+,"version":".+"\}$/);
  const ended = once(child, "close");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null], lines.join("\n"));
});

test("each example has a test", () => {
  const programs = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  assert.deepEqual(programs.sort(), ["first_query.ts", "node_http.ts", "transactions.ts"]);
});
