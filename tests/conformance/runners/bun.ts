/** Runs tests of the suite in Bun; prints the port for requests. */

import { answer } from "./answer.ts";

/** The used part of Bun's API. */
interface BunGlobal {
  readonly Bun: {
    serve(options: {
      hostname: string;
      port: number;
      idleTimeout: number;
      fetch(request: Request): Promise<Response>;
    }): { readonly port: number };
  };
}

const { Bun } = globalThis as unknown as BunGlobal;

const listener = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  // A test may take longer than Bun's default timeout for a response.
  idleTimeout: 0,
  fetch: async (request) => new Response(await answer("bun", await request.text())),
});
console.log(listener.port);
