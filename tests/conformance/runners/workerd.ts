/** Runs tests of the suite in workerd, each in a request of its own. */

import { answer } from "./answer.ts";

const worker = {
  async fetch(request: Request): Promise<Response> {
    return new Response(await answer("workerd", await request.text()));
  },
};

// workerd finds a worker by the default export of its module.
export { worker as default };
