/** Servers of both makes, each of which is started once for a file, and tests that hold on both. */

import { after, test } from "node:test";
import { type Server, startServer } from "./server.ts";
import { lackOf, type Make } from "./server_binary.ts";

/** Starts servers. */
export type ServerOf = (make: Make) => Promise<Server>;

/** Declares a test that holds on both makes of server. */
export type TestOnBoth = (
  name: string,
  fn: (server: Server, make: Make) => Promise<void>,
) => void;

/** Returns what starts a server of a make, once; `prepare` is run on each before its first test. */
export function serversOf(
  options: readonly string[],
  prepare: (server: Server, make: Make) => Promise<void> = () => Promise.resolve(),
): ServerOf {
  const starting = new Map<Make, Promise<Server>>();
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
  return (make) => {
    const server = starting.get(make) ?? start(make);
    starting.set(make, server);
    return server;
  };
}

/** Returns what declares tests; `tidy` is run on a server after each of them. */
export function onBoth(
  serverOf: ServerOf,
  tidy: (server: Server) => Promise<unknown> = () => Promise.resolve(),
): TestOnBoth {
  return (name, fn) => {
    for (const make of ["mariadb", "mysql"] as const) {
      test(`${make}: ${name}`, { skip: lackOf(make) ?? false }, async () => {
        const server = await serverOf(make);
        try {
          await fn(server, make);
        } finally {
          await tidy(server);
        }
      });
    }
  };
}
