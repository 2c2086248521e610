/** Runs tests of the suite in Node; prints the port for requests. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { answer } from "./answer.ts";

const listener = createServer({ requestTimeout: 0 }, async (request, response) => {
  response.end(await answer("node", await text(request)));
});
listener.listen(0, "127.0.0.1", () => {
  console.log((listener.address() as AddressInfo).port);
});
