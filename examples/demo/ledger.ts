/** The records of the clients: the orders that the shop acknowledged, and all other outcomes. */

import type { Order } from "./shop.ts";

/** The common record of all clients. */
export class Ledger {
  /** The orders that the shop has acknowledged, by token. */
  readonly acknowledged: Map<string, Order> = new Map();
  /** The tokens of orders that the shop has refused. */
  readonly refused: Set<string> = new Set();
  /** The tokens of orders whose client left before the answer. */
  readonly unknown: Set<string> = new Set();
  /** How often requests ended in each way, by status. */
  readonly endings: Map<string, number> = new Map();
  /** The requests that did not end as expected. */
  readonly failures: string[] = [];
  /** How many requests the clients have sent. */
  requestCount = 0;
  /** How many visits the shop has acknowledged. */
  visitCount = 0;
  /** How many visits the shop may or may not have counted. */
  visitUnknownCount = 0;

  /** Records how a request ended. */
  note(ending: string): void {
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
  }
}
