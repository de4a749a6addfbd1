import { XmppError } from '../errors.ts'

/**
 * Reads the values of DER one behind the other (X.690 §8.1, §10.1). What it reads comes from the network: a length that is not
 * the shortest, is indefinite or leaves its surroundings is refused, and it goes down no deeper than its caller asks.
 */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  /** @param what what is being read, for the message of an error */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  /** The tag octet of the value that comes next, undefined when there is none. */
  get tag(): number | undefined {
    return this.#bytes[this.#at]
  }

  /**
   * The contents of the next value, which must have this tag when one is given.
   * @throws XmppError `XMPP_TLS_REFUSED` for another tag, for none, and for what is no DER
   */
  next(tag?: number): Uint8Array {
    const found = this.tag
    if (found === undefined) throw this.#malformed('it ends too early')
    if (tag !== undefined && found !== tag) throw this.#malformed(`tag ${found} where ${tag} belongs`)
    // X.690 §8.1.2.4: the tag goes on in more octets. No certificate has such a one.
    if ((found & 0x1f) === 0x1f) throw this.#malformed('a tag of several octets')
    this.#at++
    const length = this.#length()
    const end = this.#at + length
    if (end > this.#bytes.length) throw this.#malformed('a value is longer than what it is in')
    const contents = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return contents
  }

  /** A reader for what is inside the next value, which must have this tag. Throws what {@link next} throws. */
  inside(tag: number): DerReader {
    return new DerReader(this.next(tag), this.#what)
  }

  /** Passes over the next value if it has this tag. Throws what {@link next} throws. */
  skip(tag: number): void {
    if (this.tag === tag) this.next()
  }

  /** @throws XmppError `XMPP_TLS_REFUSED` when anything is left */
  end(): void {
    if (this.tag !== undefined) throw this.#malformed('something is left behind its end')
  }

  #length(): number {
    const first = this.#bytes[this.#at++]
    if (first === undefined) throw this.#malformed('it ends too early')
    if (first < 0x80) return first
    const octets = first & 0x7f
    if (octets === 0) throw this.#malformed('a length is indefinite')
    // 16 MiB and more: there is no such certificate.
    if (octets > 3) throw this.#malformed('a value is longer than what it is in')
    let length = 0
    for (let n = 0; n < octets; n++) {
      const octet = this.#bytes[this.#at++]
      if (octet === undefined) throw this.#malformed('it ends too early')
      length = length * 256 + octet
    }
    if (length < 0x80 || length < 256 ** (octets - 1)) throw this.#malformed('a length is not in its shortest form')
    return length
  }

  #malformed(why: string): XmppError {
    return malformed(this.#what, why)
  }
}

/** What is thrown for a certificate that cannot be read; the condition is the alert of RFC 8446 §6.2 for it. */
export function malformed(what: string, why: string): XmppError {
  return new XmppError('XMPP_TLS_REFUSED', `${what} cannot be read: ${why}`, { condition: 'bad_certificate' })
}
