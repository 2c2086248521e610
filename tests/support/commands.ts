/**
 * Reads the commands in the bytes that a MySQL client sends.
 *
 * A client packet with the number 0 begins a command; its first byte is the kind. Packets of the
 * login have other numbers. The reader keeps only the beginning of a large packet. It cannot read
 * encrypted bytes, so it reads nothing after the client has asked for TLS.
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

/** How many bytes of a packet the reader keeps. */
const headBytes = 4096;
/** The size of a TLS request: the first packet of a login, cut off before the user name. */
const tlsRequestBytes = 32;
/** The capability flag of a client that sends query attributes before each text. */
const sendsAttributes = 1 << 27;
/** An empty set of query attributes. */
const noAttributes = "\0\x01";

/** Reads the commands of one client. */
export class CommandReader {
  /** The first bytes of the current packet, including its four-byte header. */
  #head: Buffer = Buffer.alloc(0);
  /** How many bytes of the current packet are missing, once its header is complete. */
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

  /** Takes the bytes of the current packet, and returns the rest. */
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
