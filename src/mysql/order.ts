/**
 * In which order packets have to come.
 *
 * Each packet of an exchange has the number after the one before it. Where packets are compressed,
 * several travel in one frame, and frames have numbers of their own. Then a server that has sent
 * an answer begins the next with the number of the frame that carries it, which is another one
 * where the statement took more than one packet, or where the answer before it had many rows. The
 * driver expects the former number, so it is corrected here.
 */

import type { DriverInternals, Packet } from "./mysql2_internals.ts";

/** Where the payload of a packet lies that is the first of its frame: behind its header. */
const firstOffset = 4;

/** The packets that were held back, with the numbers of the frames that brought them. */
const frames: WeakMap<Packet, number> = new WeakMap();

/**
 * Reads a frame of 16 MB by itself. The driver takes it for the beginning of a longer one,
 * as packets are, and reads the next as if that was not compressed either. A frame of this length
 * never is compressed: its content would be longer than its header can say.
 */
export function readAlone(driver: DriverInternals, body: Uint8Array): void {
  driver._handleCompressedPacket?.({ readInt24: () => 0, readBuffer: () => body, numPackets: 1 });
}

/** Holds a packet back, as the driver does, whose own copy counts a large packet as one. */
export function holdBack(packet: Packet, driver: DriverInternals): void {
  const copy = packet.clone();
  copy.numPackets = packet.numPackets;
  const frame = frameOf(driver);
  if (frame !== undefined) frames.set(copy, frame);
  driver._paused_packets.push(copy);
}

/**
 * Tells whether a packet has not the number that it has to have. An error may come at any time:
 * that of a server which ends an idle session answers nothing.
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
