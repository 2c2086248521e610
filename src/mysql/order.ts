/**
 * Checks the sequence numbers of packets.
 *
 * Each packet of an exchange has the number after that of the packet before. Where packets are
 * compressed, one frame carries several packets, and frames have numbers of their own. Then a
 * server that has sent an answer begins the next answer with the number of the frame that carries
 * it. That differs from the packet's number if the statement took more than one packet, or if the
 * answer before had many rows. The driver expects the packet's number, so this module sets the
 * number that the driver expects.
 */

import type { DriverInternals, Packet } from "./mysql2_internals.ts";

/** The offset of the payload in the first packet of a frame: behind the packet's header. */
const firstOffset = 4;

/** The packets held back, with the numbers of the frames that carried them. */
const frames: WeakMap<Packet, number> = new WeakMap();

/**
 * Reads a frame of 16 MB by itself. The driver would take it for the first part of a longer frame,
 * as with packets, and would read the next frame as if that were not compressed either. A frame of
 * this length is never compressed: its content would be longer than its header can say.
 */
export function readAlone(driver: DriverInternals, body: Uint8Array): void {
  driver._handleCompressedPacket?.({ readInt24: () => 0, readBuffer: () => body, numPackets: 1 });
}

/**
 * Holds a packet back as the driver does, and keeps the number of its wire packets, which the
 * driver's copy would set to one.
 */
export function holdBack(packet: Packet, driver: DriverInternals): void {
  const copy = packet.clone();
  copy.numPackets = packet.numPackets;
  const frame = frameOf(driver);
  if (frame !== undefined) frames.set(copy, frame);
  driver._paused_packets.push(copy);
}

/**
 * Tells whether a packet has a wrong sequence number. An error may come at any time: a server that
 * ends an idle session sends an error that answers nothing.
 */
export function isOutOfOrder(packet: Packet, driver: DriverInternals): boolean {
  const { buffer, offset, sequenceId } = packet;
  if (sequenceId === driver.sequenceId) return false;
  if (offset === firstOffset && sequenceId === (frames.get(packet) ?? frameOf(driver))) {
    driver.sequenceId = sequenceId;
    return false;
  }
  return buffer[offset] !== 0xff;
}

/** Returns the number of the frame that came last, if packets are compressed. */
function frameOf(
  { compressedSequenceId, _inflatedPacketsParser }: DriverInternals,
): number | undefined {
  return _inflatedPacketsParser === undefined ? undefined : (compressedSequenceId + 255) % 256;
}
