/** Serves the shop over HTTP: each HTTP request is one unit of work. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type OrderRequest, Refusal, type Shop } from "./shop.ts";

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** The pages for a visitor with a browser. */
const sights = ["/articles/7", "/customers/7", "/reports/1", "/stats"] as const;

/** The HTTP server of a shop. */
export class Web implements AsyncDisposable {
  readonly #shop: Shop;
  readonly #server: Server;
  #openCount = 0;

  /** Creates the server; it does not listen yet. */
  constructor(shop: Shop) {
    this.#shop = shop;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** How many requests have not ended, including those whose client has gone. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Listens on a free port of loopback, and returns the URL. */
  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("Cannot find the port");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Closes all connections to clients, and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#openCount++;
    const gone = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) gone.abort(new Error("The client has gone"));
    });
    try {
      const order = request.method === "POST" ? await orderIn(request) : undefined;
      const { status, body } = await this.#shop.db.unit(
        () => this.#route(request.url ?? "/", order),
        { signal: gone.signal },
      );
      send(response, status, body);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (error instanceof Refusal) send(response, error.status, { error: error.message });
      else send(response, statusOf(error), { error: String(error) });
    } finally {
      this.#openCount--;
    }
  }

  /** Runs inside the unit of work. */
  async #route(path: string, order: OrderRequest | undefined): Promise<Reply> {
    const [, place = "", name = ""] = path.split("/");
    switch (place) {
      case "articles":
        return { status: 200, body: await this.#shop.article(Number(name)) };
      case "customers":
        return { status: 200, body: await this.#shop.customer(Number(name)) };
      case "reports":
        return { status: 200, body: await this.#shop.bestSellers(Number(name)) };
      case "visits":
        await this.#shop.visit(name);
        return { status: 200, body: {} };
      case "orders":
        if (order === undefined) throw new Refusal(405, "An order has to be posted");
        await this.#shop.visit(`customer-${order.customer}`);
        return { status: 201, body: await this.#shop.order(order) };
      case "stats":
        return { status: 200, body: this.#shop.db.stats() };
      case "":
        return { status: 200, body: { sights } };
      default:
        throw new Refusal(404, `There is nothing at ${path}`);
    }
  }
}

async function orderIn(request: IncomingMessage): Promise<OrderRequest> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return JSON.parse(text);
}

/** Maps the server's "duplicate entry" to 422: it means that an order names an article twice. */
function statusOf(error: unknown): number {
  const isDuplicate = error instanceof Error && "code" in error && error.code === "ER_DUP_ENTRY";
  return isDuplicate ? 422 : 500;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}
