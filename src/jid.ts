import { XmppError } from './errors.ts'
import { toUnicode } from './idna.ts'
import { mapUsername, opaqueString, usernameCaseMapped } from './precis.ts'
import { printable } from './printable.ts'
import { nameOf, originOf } from './unicode/properties.ts'

/** A JID in parts (RFC 7622 §3). All three are prepared: compare them as they are. */
export interface Jid {
  /** Localpart, '' when there is none. */
  readonly local: string
  readonly domain: string
  /** Resourcepart, '' for a bare JID. */
  readonly resource: string
}

/**
 * Reads and prepares a JID by RFC 7622: the localpart as UsernameCaseMapped (§3.3), the domainpart as U-labels or an IP address
 * (§3.2, see {@link toUnicode}), the resourcepart as OpaqueString (§3.4, white space included, as errata 4560 has it). Each part
 * takes 1 to 1023 octets. Code points that a later Unicode than this Node's (`process.versions.unicode`) assigns are refused.
 * @throws XmppError `XMPP_JID_MALFORMED` that says which part and which character is wrong and why
 */
export function parseJid(text: string): Jid {
  const slash = text.indexOf('/')
  const bare = slash < 0 ? text : text.slice(0, slash)
  const at = bare.indexOf('@')
  const local = bare.slice(0, Math.max(at, 0))
  const domain = bare.slice(at + 1)
  const resource = slash < 0 ? '' : text.slice(slash + 1)
  if (isPlain(text)) return { local, domain, resource }

  if (at === 0) throw malformed(text, 'nothing before the @')
  if (slash >= 0 && resource === '') throw malformed(text, 'nothing behind the /')
  if (domain === '') throw malformed(text, 'no domain')
  try {
    return {
      local: at < 0 ? '' : prepare('localpart', local, localpart),
      domain: prepare('domainpart', domain, toUnicode),
      resource: slash < 0 ? '' : prepare('resourcepart', resource, opaqueString),
    }
  } catch (error) {
    if (!(error instanceof XmppError)) throw error
    throw malformed(text, error.message, error)
  }
}

/** `local@domain/resource`, leaving out what is empty. */
export function formatJid({ local, domain, resource }: Jid): string {
  return (local === '' ? '' : `${local}@`) + domain + (resource === '' ? '' : `/${resource}`)
}

/**
 * The prepared text of a JID: two JIDs are the same exactly when these are. Undefined for what is not a JID. It may be `text`
 * itself: copy what is kept for long, if that was cut from a larger string.
 */
export function prepareJid(text: string): string | undefined {
  if (isPlain(text)) return text
  try {
    return formatJid(parseJid(text))
  } catch {
    // That there is none is the whole answer; who wants the reason asks parseJid.
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

/**
 * Whether a text has the parts of a JID, each with something in it. Servers know localparts that RFC 7622 refuses, such as `♥`: who is called so can be
 * answered, though nobody's JID is equal to his.
 */
export function hasJidParts(text: string): boolean {
  return text.length <= MAX_CHARACTERS && parts.test(text)
}

/** What most JIDs are, prepared ASCII, told in one look: they are read for every stanza. */
function isPlain(text: string): boolean {
  return text.length <= MAX_OCTETS && plain.test(text)
}

/**
 * A domain of lower-case letters, digits and `_` with single dots and hyphens between them, no longer than a label may be, and
 * no IPv4 address. Each repetition can end in one place only, so the time taken grows with the length.
 */
const plain =
  /^(?:[a-z0-9!#$%()*+,\-.;=?[\\\]^_`{|}~]+@)?(?=[^/]{1,63}(?:\/|$))(?![0-9.]+(?:\/|$))[a-z0-9_]+(?:[-.][a-z0-9_]+)*(?:\/[ -~]+)?$/
/** Neither white space nor what separates parts or has to be escaped in XML. */
const parts = /^(?:[^\s"&'/:<>@]+@)?[^\s"&'/<>@]+(?:\/.+)?$/su
/** RFC 7622 §3.1, after preparation. */
const MAX_OCTETS = 1023
/** Preparing makes nothing half as long. */
const MAX_CHARACTERS = 2 * (3 * MAX_OCTETS) + 2

function prepare(what: string, part: string, rules: (part: string, what: string) => string): string {
  const tooLong = `the ${what} is longer than ${MAX_OCTETS} octets`
  // Preparing makes nothing half as long, and it costs: so look first.
  if (part.length > MAX_OCTETS * 2) throw new XmppError('XMPP_JID_MALFORMED', tooLong)
  const prepared = rules(part, what)
  if (Buffer.byteLength(prepared) > MAX_OCTETS) throw new XmppError('XMPP_JID_MALFORMED', tooLong)
  return prepared
}

/** RFC 7622 §3.3.1: a username without the characters that separate parts, or need escaping in XML. */
function localpart(part: string, what: string): string {
  const prepared = usernameCaseMapped(part, what)
  const excluded = /["&'/:<>@]/.exec(prepared)?.[0]
  if (excluded === undefined) return prepared
  const typed = originOf(excluded, part, mapUsername)
  throw new XmppError('XMPP_JID_MALFORMED', `the ${what} may not hold ${typed} (${nameOf(typed)})`)
}

function malformed(text: string, why: string, cause?: XmppError): XmppError {
  return new XmppError('XMPP_JID_MALFORMED', `malformed JID "${printable(text.slice(0, 100))}": ${why}`, {
    condition: 'jid-malformed',
    ...(cause && { cause }),
  })
}
