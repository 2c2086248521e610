/** What the clients know: what they were promised, and how everything they asked for ended. */

import type { Order } from "./shop.ts";

/** What all clients write down. */
export class Ledger {
  /** The orders that the shop said it has carried out, by token. */
  readonly acknowledged: Map<string, Order> = new Map();
  /** The tokens of orders that the shop said it has not carried out. */
  readonly refused: Set<string> = new Set();
  /** The tokens of orders whose client left before it had the answer. */
  readonly unknown: Set<string> = new Set();
  /** How often each kind of answer came. */
  readonly endings: Map<string, number> = new Map();
  /** What ended otherwise than it was meant to. */
  readonly failures: string[] = [];
  /** How many requests were sent. */
  requestCount = 0;
  /** How many visits the shop has acknowledged. */
  visitCount = 0;
  /** How many visits it may or may not have counted. */
  visitUnknownCount = 0;

  /** Notes how a request ended. */
  note(ending: string): void {
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
  }
}
