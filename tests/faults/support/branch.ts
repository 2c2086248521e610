/**
 * A bank in its own process, with a server and a network that can fail: for faults of the client,
 * and for pools that drain during a fault.
 */

import assert from "node:assert/strict";
import { BankProcess } from "../../chaos/bank_process.ts";
import { closeBooks, openBooks } from "../../chaos/books.ts";
import { accounts, serverOptions, staff } from "../../chaos/chaos.ts";
import type { Scene } from "../../chaos/faults.ts";
import { setTimeouts } from "../../chaos/server_faults.ts";
import { type Proxy, startProxy } from "../../support/proxy.ts";
import { type Server, startServer } from "../../support/server.ts";
import type { Flavor } from "../../support/server_binary.ts";
import { until } from "../../support/wait.ts";

/** How many transfers show that a bank works. */
const workCount = 20;
/** How long tellers may take to finish their transfers, in ms. */
const closeMsMax = 5_000;

/** A server, a proxy and a process that opens one bank after the other. */
export class Branch implements Scene, AsyncDisposable {
  readonly server: Server;
  readonly proxy: Proxy;
  readonly bank: BankProcess;
  #bankCount = 0;

  private constructor(server: Server, proxy: Proxy, bank: BankProcess) {
    this.server = server;
    this.proxy = proxy;
    this.bank = bank;
  }

  /** Starts the server, the proxy and the process. */
  static async start(flavor: Flavor): Promise<Branch> {
    const server = await startServer({ flavor, options: serverOptions });
    await setTimeouts(server);
    return new Branch(server, await startProxy(server), await BankProcess.start("node"));
  }

  /** Opens a bank; fulfilled when the bank carries out transfers. */
  async open(): Promise<void> {
    await openBooks(this.server, accounts);
    await this.bank.ask("open", {
      uri: this.proxy.uri,
      seed: ++this.#bankCount,
      accounts: accounts.count,
      total: accounts.count * accounts.balance,
      firstNumber: 1,
      ...staff,
    });
    await this.isAtWork();
  }

  /** Waits until some more transfers have been carried out. */
  async isAtWork(count = workCount): Promise<void> {
    const done = async (): Promise<number> =>
      (await this.bank.ask("look", undefined)).acknowledgedCount;
    const before = await done();
    await until(async () => await done() >= before + count, "the bank is at work");
  }

  /** Closes a bank, and expects that all transfers settled, and none was lost or doubled. */
  async close(): Promise<void> {
    await this.bank.ask("close", closeMsMax);
    const { underWayCount } = await this.bank.ask("look", undefined);
    assert.equal(underWayCount, 0, "transfers were not answered");
    await this.bank.ask("drain", closeMsMax);
    const { stats } = await this.bank.ask("look", undefined);
    assert.deepEqual([stats.phase, stats.size], ["closed", 0]);
    await until(async () => await this.server.connectionCount() === 0, "nothing is left");
    const report = await this.bank.ask("report", undefined);
    const { isSumKept, lost, doubled } = await closeBooks(this.server, accounts, report);
    assert.deepEqual({ isSumKept, lost, doubled }, { isSumKept: true, lost: [], doubled: [] });
    assert.deepEqual(report.complaints, []);
    assert.ok(report.acknowledged.length >= workCount);
  }

  /** Ends the process, the proxy and the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.bank[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
    await this.server.remove();
  }
}
