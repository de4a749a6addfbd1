/** XEP-0106 JID Escaping, version 1.1.1: user names from elsewhere as localparts, and back. */
import { XmppError } from '../errors.ts'
import type { Xep } from '../routes.ts'

/** The feature that a gateway announces ("Determining Support"); its name is written escaped. */
export const NS_JID_ESCAPING = 'jid\\20escaping'

/** For the XEPs of a gateway that takes escaped localparts: clients escape towards it only when it says so. */
export const jidEscaping: Xep = { name: 'XEP-0106', features: [NS_JID_ESCAPING], routes: [] }

/**
 * The localpart for a name that may hold what no localpart may: the space and `" & ' / : < > @` become `\20` to `\40`, and a
 * backslash becomes `\5c` where it would else be taken for the beginning of one of these, and nowhere else (§4.1, rule 7).
 * That goes for hexadecimal capitals too, since a localpart loses its case. The result still has to be prepared like any
 * localpart: not all names make one.
 * @throws XmppError `XMPP_JID_MALFORMED` for a name that begins or ends with a space, which cannot be escaped (§3.2)
 */
export function escapeNode(name: string): string {
  if (/^ | $/.test(name)) {
    const why = 'a name that begins or ends with a space cannot be a localpart: trim it first'
    throw new XmppError('XMPP_JID_MALFORMED', why, { condition: 'jid-malformed' })
  }
  return name.replace(ambiguous, '\\5c').replace(/[ "&'/:<>@]/g, char => `\\${char.charCodeAt(0).toString(16)}`)
}

/**
 * The name that a prepared localpart stands for, to be shown or handed to a system that is not XMPP; never to be sent or
 * compared (§4.1, rules 4 and 5). Whatever is no escape sequence stays as it is, and so does `\20` at either end, where it is
 * none.
 */
export function unescapeNode(localpart: string): string {
  return localpart.replace(/\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g, (sequence, hex: string, at: number) => {
    const atAnEnd = at === 0 || at + sequence.length === localpart.length
    return hex === '20' && atAnEnd ? sequence : String.fromCharCode(Number.parseInt(hex, 16))
  })
}

/** A backslash that looks like the beginning of an escape sequence. */
const ambiguous = /\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/gi
