/** Tests of what sessions know, on a server of each make that is started once for a file. */

import { after, test } from "node:test";
import { type Server, startServer } from "../support/server.ts";
import { lackOf, type Make } from "../support/server_binary.ts";

/** Declares a test that holds on both makes of server. */
export type TestOnBoth = (
  name: string,
  fn: (server: Server, make: Make) => Promise<void>,
) => void;

/** Returns what declares tests; `prepare` is run on each server before its first test. */
export function onBoth(
  options: readonly string[],
  prepare: (server: Server, make: Make) => Promise<void>,
): TestOnBoth {
  const servers = new Map<Make, Promise<Server>>();
  const started: Server[] = [];
  const start = async (make: Make): Promise<Server> => {
    const server = await startServer({ make, options });
    started.push(server);
    await prepare(server, make);
    return server;
  };
  after(async () => {
    for (const server of started) await server.remove();
  });
  return (name, fn) => {
    for (const make of ["mariadb", "mysql"] as const) {
      test(`${make}: ${name}`, { skip: lackOf(make) ?? false }, async () => {
        const server = servers.get(make) ?? start(make);
        servers.set(make, server);
        await fn(await server, make);
      });
    }
  };
}
