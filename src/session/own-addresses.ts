import { XmppError } from '../errors.ts'
import { bareJid, hasJidParts, parseJid, prepareJid } from '../jid.ts'
import { printable } from '../printable.ts'
import type { Element } from '../stream/element.ts'

/** The addresses of a component: its domain, and every user and resource in it (XEP-0114 §2). */
export class OwnAddresses {
  readonly #domain: string

  /** @param domain prepared */
  constructor(domain: string) {
    this.#domain = domain
  }

  /** Whether an address, prepared or not, is one of ours. Its localpart may be one that only the server takes for one. */
  has(address: string): boolean {
    if (!hasJidParts(address)) return false
    const bare = bareJid(address)
    const domain = bare.slice(bare.indexOf('@') + 1)
    return domain === this.#domain || prepareJid(domain) === this.#domain
  }

  /**
   * Servers end the stream for a sender that is none of ours (Prosody and ejabberd, `invalid-from`) and for a stanza to nobody (ejabberd,
   * `improper-addressing`), so neither leaves us.
   * @throws XmppError `XMPP_ADDRESS`; `XMPP_JID_MALFORMED` for a sender that is no JID, nor anything that a server takes for one of ours
   */
  check({ name, attrs: { from, to } }: Element): void {
    if (to === undefined) {
      const text = `a component must say to whom a <${name}> goes: no server passes on one without "to"`
      throw new XmppError('XMPP_ADDRESS', text)
    }
    if (from === undefined || from === this.#domain || this.has(from)) return
    parseJid(from)
    const sender = printable(from.slice(0, 100))
    const text = `a component speaks for ${this.#domain} and its users: a <${name}> from ${sender} would end the stream`
    throw new XmppError('XMPP_ADDRESS', text)
  }
}
