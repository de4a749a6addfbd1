import { XmppError } from './errors.ts'

/** A JID in parts (RFC 7622 §3). All three are prepared: compare them as they are. */
export interface Jid {
  /** Localpart, '' when there is none. */
  readonly local: string
  readonly domain: string
  /** Resourcepart, '' for a bare JID. */
  readonly resource: string
}

/**
 * Reads and prepares a JID: domainpart and localpart lose their case, all parts are in NFC.
 * @throws XmppError `XMPP_JID_MALFORMED` that says which part is wrong and why
 */
export function parseJid(text: string): Jid {
  const slash = text.indexOf('/')
  const bare = slash < 0 ? text : text.slice(0, slash)
  const at = bare.indexOf('@')
  // Case first, then form (RFC 7622 §3.3, RFC 8265 §3.3.2): in lower case two characters may have one for both.
  const local = at < 0 ? '' : bare.slice(0, at).toLowerCase().normalize('NFC')
  // RFC 7622 §3.2: a final dot is dropped before anything else is done.
  const domain = bare
    .slice(at + 1)
    .replace(/\.$/, '')
    .toLowerCase()
    .normalize('NFC')
  const resource = slash < 0 ? '' : text.slice(slash + 1).normalize('NFC')

  if (at === 0) throw malformed(text, 'nothing before the @')
  if (slash >= 0 && resource === '') throw malformed(text, 'nothing behind the /')
  if (domain === '') throw malformed(text, 'no domain')
  for (const [part, value] of [
    ['localpart', local],
    ['domainpart', domain],
    ['resourcepart', resource],
  ] as const) {
    if (value.length > 341 && Buffer.byteLength(value) > 1023) throw malformed(text, `${part} longer than 1023 bytes`)
    if (controls.test(value)) throw malformed(text, `control character in the ${part}`)
  }
  if (forbiddenLocal.test(local)) throw malformed(text, 'the localpart may not hold a space or any of " & \' / : < > @')
  if (!(domainName.test(domain) || ipv6.test(domain))) throw malformed(text, 'not a domain name')
  return { local, domain, resource }
}

/** `local@domain/resource`, leaving out what is empty. */
export function formatJid({ local, domain, resource }: Jid): string {
  return (local === '' ? '' : `${local}@`) + domain + (resource === '' ? '' : `/${resource}`)
}

/** The prepared text of a JID: two JIDs are the same exactly when these are. Undefined for what is not a JID. */
export function prepareJid(text: string): string | undefined {
  try {
    return formatJid(parseJid(text))
  } catch {
    return undefined
  }
}

/** `local@domain` of a prepared JID. Only a resourcepart can hold a second `/`, so the first one ends the bare JID. */
export function bareJid(prepared: string): string {
  const slash = prepared.indexOf('/')
  return slash < 0 ? prepared : prepared.slice(0, slash)
}

/** The resourcepart of a prepared JID, or ''. */
export function resourceOf(prepared: string): string {
  const slash = prepared.indexOf('/')
  return slash < 0 ? '' : prepared.slice(slash + 1)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/
const forbiddenLocal = /["&'/:<>@\s]/
const domainName = /^[^\s"&'/:<>@.[\]]+(\.[^\s"&'/:<>@.[\]]+)*$/
const ipv6 = /^\[[0-9a-f:.]+\]$/

function malformed(text: string, why: string): XmppError {
  return new XmppError('XMPP_JID_MALFORMED', `malformed JID "${text.slice(0, 100)}": ${why}`, {
    condition: 'jid-malformed',
  })
}
