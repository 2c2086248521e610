/**
 * The kernel's view of local TCP connections: their state, and how many sent bytes the receiver has
 * not read. Linux has it in /proc/net/tcp.
 */

import { existsSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";

/** One end of a connection. */
export interface TcpEnd {
  /** Its own port. */
  readonly port: number;
  /** The IPv4 address of the other end. */
  readonly peerHost: string;
  /** The port of the other end. */
  readonly peerPort: number;
  /** Its state. */
  readonly state: TcpState;
  /** How many sent bytes the other end has not yet acknowledged. */
  readonly sendQueue: number;
  /** How many received bytes its program has not yet read. */
  readonly receiveQueue: number;
  /** Whether keep-alive is on. */
  readonly isKeptAlive: boolean;
  /** Whether a program still has it open; the kernel may still have to close it afterwards. */
  readonly isRef: boolean;
}

/** The states that matter here. */
export type TcpState = "established" | "connecting" | "half-closed" | "listening" | "ending";

const states: Readonly<Record<string, TcpState>> = {
  "01": "established",
  "02": "connecting",
  "05": "half-closed",
  "08": "half-closed",
  "0A": "listening",
};

const table = "/proc/net/tcp";

/** Whether the system provides the table. */
export const isTcpKnown: boolean = existsSync(table);

/** Returns the ends with a port on their own or on the other side. */
export function tcpEnds(port: number): TcpEnd[] {
  const lines = readFileSync(table, "utf8").trim().split("\n").slice(1);
  return lines.map(endOf).filter((end) => end.port === port || end.peerPort === port);
}

/**
 * Returns the client ends of connections to an address, open or opening. A port alone is ambiguous:
 * while a server listens at a port of 127.0.0.2, a client may have the same port at 127.0.0.1.
 */
export function clientEnds(host: string, port: number): TcpEnd[] {
  return tcpEnds(port).filter((end) => end.peerPort === port && end.peerHost === host && end.isRef);
}

/** Returns how many bytes written to a local socket the other end has not yet read. */
export function unreadBytes(socket: Socket): number {
  const { localPort, remotePort } = socket;
  const ends = tcpEnds(localPort ?? 0);
  const own = ends.find((end) => end.port === localPort && end.peerPort === remotePort);
  const peer = ends.find((end) => end.port === remotePort && end.peerPort === localPort);
  return (own?.sendQueue ?? 0) + (peer?.receiveQueue ?? 0);
}

function endOf(line: string): TcpEnd {
  const fields = line.trim().split(/\s+/);
  const [, local = "", remote = "", state = "", queues = "", timer = ""] = fields;
  const [sendQueue, receiveQueue] = queues.split(":").map((hex) => parseInt(hex, 16));
  return {
    port: portOf(local),
    peerHost: hostOf(remote),
    peerPort: portOf(remote),
    state: states[state] ?? "ending",
    sendQueue: sendQueue ?? 0,
    receiveQueue: receiveQueue ?? 0,
    isKeptAlive: timer.startsWith("02:"),
    isRef: fields[9] !== "0",
  };
}

/** The kernel writes an address as one number, its first byte last. */
function hostOf(address: string): string {
  const bytes = address.split(":")[0]?.match(/../g) ?? [];
  return bytes.reverse().map((hex) => parseInt(hex, 16)).join(".");
}

function portOf(address: string): number {
  return parseInt(address.split(":")[1] ?? "", 16);
}
