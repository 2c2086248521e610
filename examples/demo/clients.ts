/**
 * The customers: clients that look, order, order unavailable articles, and leave too early.
 *
 * The seed determines what each client does, but not in which order the shop serves them.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "./chance.ts";
import type { Ledger } from "./ledger.ts";
import type { Order, OrderRequest } from "./shop.ts";
import { sizes } from "./shop_data.ts";

/** A request of a client, and its expected status. */
interface Errand {
  readonly path: string;
  readonly order?: OrderRequest;
  readonly status: number;
  readonly leavesAfterMs?: number;
}

/** The clients of one shop. */
export class Clients {
  readonly #url: string;
  readonly #chance: Chance;
  readonly #ledger: Ledger;
  #orderCount = 0;

  /** Creates clients; they send nothing yet. */
  constructor(url: string, chance: Chance, ledger: Ledger) {
    this.#url = url;
    this.#chance = chance;
    this.#ledger = ledger;
  }

  /** Runs some clients for a while; each sends one request after the other. */
  async visit(clientCount: number, durationMs: number, signal: AbortSignal): Promise<void> {
    const endsAt = performance.now() + durationMs;
    const visits = Array.from({ length: clientCount }, async () => {
      const chance = this.#chance.fork();
      while (performance.now() < endsAt && !signal.aborted) {
        await this.#run(this.#errand(chance));
        await sleep(chance.between(0, 8));
      }
    });
    await Promise.all(visits);
    signal.throwIfAborted();
  }

  /** Runs many clients at once, with one request each. */
  async burst(clientCount: number): Promise<void> {
    const errands = Array.from({ length: clientCount }, () => this.#errand(this.#chance));
    await Promise.all(errands.map((errand) => this.#run(errand)));
  }

  #errand(chance: Chance): Errand {
    const errand = this.#lookOrOrder(chance);
    // One in twenty does not wait for the answer.
    return chance.next() < 0.05 ? { ...errand, leavesAfterMs: chance.between(0, 20) } : errand;
  }

  #lookOrOrder(chance: Chance): Errand {
    const dice = chance.between(1, 100);
    if (dice <= 45) return { path: `/articles/${chance.between(1, sizes.stock)}`, status: 200 };
    if (dice <= 60) {
      return { path: `/customers/${chance.between(1, sizes.customers)}`, status: 200 };
    }
    if (dice <= 70) return { path: `/visits/visitor-${chance.between(1, 500)}`, status: 200 };
    if (dice <= 73) {
      return { path: `/reports/${chance.between(1, sizes.stock - 100)}`, status: 200 };
    }
    const order = this.#orderOf(chance);
    if (dice <= 94) return { path: "/orders", order, status: 201 };
    const [line = { sku: 1, quantity: 1 }] = order.lines;
    return chance.pick<Errand>([
      { path: "/orders", order: { ...order, isCardGood: false }, status: 402 },
      { path: "/orders", order: withLine(order, { sku: sizes.stock }, 1e6), status: 409 },
      { path: "/orders", order: withLine(order, line, 1), status: 422 },
    ]);
  }

  #orderOf(chance: Chance): OrderRequest {
    const sku = chance.between(1, sizes.stock - 10);
    const lineCount = chance.between(1, 3);
    return {
      token: `order-${++this.#orderCount}`,
      customer: chance.between(1, sizes.customers),
      lines: Array.from({ length: lineCount }, (_, i) => ({ sku: sku + i, quantity: 1 })),
      hasGift: chance.next() < 0.2,
      isCardGood: true,
    };
  }

  async #run(errand: Errand): Promise<void> {
    this.#ledger.requestCount++;
    const { order, leavesAfterMs } = errand;
    const leave = new AbortController();
    const timer = leavesAfterMs === undefined
      ? undefined
      : setTimeout(() => leave.abort(), leavesAfterMs);
    try {
      const init = order && { method: "POST", body: JSON.stringify(order) };
      const response = await fetch(this.#url + errand.path, { ...init, signal: leave.signal });
      this.#book(errand, response.status, await response.text());
    } catch (error) {
      if (!leave.signal.aborted) this.#ledger.failures.push(`${errand.path}: ${error}`);
      this.#leaveUnknown(errand);
    } finally {
      clearTimeout(timer);
    }
  }

  #book({ path, order, status }: Errand, statusFound: number, body: string): void {
    const ledger = this.#ledger;
    ledger.note(String(statusFound));
    // The shop counts the visit before the order, even if the order fails.
    if (order !== undefined || path.startsWith("/visits")) ledger.visitCount++;
    if (order !== undefined && statusFound === 201) {
      const { token, totalCents }: Order = JSON.parse(body);
      ledger.acknowledged.set(token, { token, totalCents });
    } else if (order !== undefined) ledger.refused.add(order.token);
    // An article may be sold out: then the shop refuses the order rightly.
    const isSoldOut = order !== undefined && status === 201 && statusFound === 409;
    if (statusFound !== status && !isSoldOut) {
      ledger.failures.push(`${path}: ${statusFound} instead of ${status}: ${body.trim()}`);
    }
  }

  #leaveUnknown({ path, order }: Errand): void {
    this.#ledger.note("left");
    if (order !== undefined) this.#ledger.unknown.add(order.token);
    if (order !== undefined || path.startsWith("/visits")) this.#ledger.visitUnknownCount++;
  }
}

/** Returns an order with one more line. */
function withLine(order: OrderRequest, line: { sku: number }, quantity: number): OrderRequest {
  return { ...order, lines: [...order.lines, { sku: line.sku, quantity }] };
}
