/**
 * Reads from a server's greeting whether it is a database or a stand-in.
 *
 * Tests put stand-ins in the place of a database: servers of `mysql2.createServer`, which answer
 * the statements that they know, and leave all else without an answer. Most of them copy the
 * capability flags of mysql2's examples, and so announce what they do not have. So the pool asks
 * them for nothing of its own, and closes a connection where it would reset another server's.
 */

import type { DriverInternals } from "./mysql2_internals.ts";

/** The flags of mysql2's examples: all that there were before CLIENT_DEPRECATE_EOF. */
const EXAMPLE = 0xff_ff_ff;
/** CLIENT_COMPRESS, which some copies leave out. */
const COMPRESS = 0x20;
/** CLIENT_PLUGIN_AUTH: every MySQL since 5.5.7 and every MariaDB announces it. */
const PLUGIN_AUTH = 0x08_00_00;
/** CLIENT_SESSION_TRACK. A server that has it also has CLIENT_DEPRECATE_EOF. */
const SESSION_TRACK = 0x80_00_00;

/** A connection whose server has sent its greeting. */
type Greeted = Pick<DriverInternals, "_handshakePacket">;

/**
 * Tells whether the server may leave a reset, a new login or a SET without an answer, as it is a
 * stand-in for a database.
 */
export function isStandIn(driver: Greeted): boolean {
  const flags = flagsOf(driver);
  return (flags & PLUGIN_AUTH) === 0 || (flags | COMPRESS) === EXAMPLE;
}

/** Tells whether the server announces session tracking. */
export function announcesTracking(driver: Greeted): boolean {
  return (flagsOf(driver) & SESSION_TRACK) !== 0 && !isStandIn(driver);
}

function flagsOf({ _handshakePacket }: Greeted): number {
  return _handshakePacket?.capabilityFlags ?? 0;
}
