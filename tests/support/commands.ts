/**
 * Reads the commands out of what a client of MySQL sends.
 *
 * A packet of the client that has the number 0 begins a command, whose kind is its first byte;
 * those of the login have other numbers. Of a large packet only the beginning is kept. What is
 * encrypted cannot be read: nothing is, once the client has asked for TLS.
 */

const kinds: Readonly<Record<number, string>> = {
  0x01: "QUIT",
  0x03: "QUERY",
  0x0e: "PING",
  0x11: "CHANGE_USER",
  0x16: "PREPARE",
  0x17: "EXECUTE",
  0x19: "CLOSE",
  0x1f: "RESET",
};

/** How much of a packet is kept to tell what it says. */
const headBytes = 4096;
/** What asks for TLS is a login's first packet that ends before it says who logs in. */
const tlsRequestBytes = 32;
/** Has said, in its login, that each text of its will be preceded by attributes. */
const sendsAttributes = 1 << 27;
/** No attributes, in one set. */
const noAttributes = "\0\x01";

/** Reads one client's commands. */
export class CommandReader {
  /** The first bytes of the packet that is being received, its four bytes of header included. */
  #head: Buffer = Buffer.alloc(0);
  /** How many bytes of it are still to come, once its header is there. */
  #missing = 0;
  #isSecured = false;
  #hasAttributes = false;

  /** Returns the commands that a chunk completes, as `QUERY SELECT 1`, `PING` and so on. */
  read(chunk: Buffer): string[] {
    const commands: string[] = [];
    let rest = chunk;
    while (rest.length > 0 && !this.#isSecured) {
      rest = this.#take(rest);
      if (this.#head.length < 4 || this.#missing > 0) continue;
      const [packet, number] = [this.#head, this.#head[3]];
      this.#head = Buffer.alloc(0);
      if (number === 0) commands.push(this.#describe(packet));
      else if (number === 1) this.#login(packet);
    }
    return commands;
  }

  #login(packet: Buffer): void {
    this.#isSecured = packet.length === 4 + tlsRequestBytes;
    this.#hasAttributes = (packet.readUInt32LE(4) & sendsAttributes) !== 0;
  }

  #describe(packet: Buffer): string {
    const kind = kinds[packet[4] ?? 0] ?? `COMMAND ${packet[4]}`;
    if (kind !== "QUERY" && kind !== "PREPARE") return kind;
    const text = packet.toString("utf8", 5);
    const isLed = kind === "QUERY" && this.#hasAttributes && text.startsWith(noAttributes);
    return `${kind} ${isLed ? text.slice(noAttributes.length) : text}`;
  }

  /** Takes what belongs to the current packet, and returns what comes after it. */
  #take(bytes: Buffer): Buffer {
    if (this.#head.length < 4) {
      const wanted = 4 - this.#head.length;
      this.#head = Buffer.concat([this.#head, bytes.subarray(0, wanted)]);
      if (this.#head.length === 4) this.#missing = this.#head.readUIntLE(0, 3);
      return bytes.subarray(wanted);
    }
    const own = bytes.subarray(0, this.#missing);
    const kept = own.subarray(0, Math.max(0, headBytes - this.#head.length));
    this.#head = Buffer.concat([this.#head, kept]);
    this.#missing -= own.length;
    return bytes.subarray(own.length);
  }
}
