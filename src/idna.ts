import { XmppError } from './errors.ts'
import { ipLiteral } from './ip-literal.ts'
import { printable } from './printable.ts'
import { bidiFault, isRightToLeft } from './unicode/bidi.ts'
import { contextFault } from './unicode/context.ts'
import { lazily } from './unicode/lazily.ts'
import {
  exception,
  hasCompat,
  joinControl,
  letterDigit,
  nameOf,
  oldHangulJamo,
  originOf,
  unassigned,
} from './unicode/properties.ts'
import { decodePunycode, encodePunycode } from './unicode/punycode.ts'
import { mapWidth } from './unicode/width.ts'

/**
 * A domain as DNS, certificates and TLS want it: every U-label as its A-label, all in lower case (RFC 5891 §4.4). Names in
 * ASCII and IP literals are what `toUnicode` makes of them.
 * @throws XmppError `XMPP_JID_MALFORMED`, as `toUnicode`
 */
export function toAscii(domain: string): string {
  return prepare(domain).ascii
}

/**
 * A domain as a JID holds it (RFC 7622 §3.2): every A-label as its U-label, which is in lower case and NFC. What is prepared
 * already comes back as it is. `domain` may be an IPv4 address, or an IPv6 address in brackets.
 *
 * - One dot at the end is dropped (RFC 7622 §3.2).
 * - Capitals, fullwidth and halfwidth characters and the full stops U+3002, U+FF0E and U+FF61 are mapped (RFC 5895 §2).
 * - Each label is checked by IDNA2008 (RFC 5891 §5.4, RFC 5892), and all of them by RFC 5893 as soon as one is written from
 *   right to left. An A-label has to be the very one that its U-label comes to.
 * - At most 63 octets a label and 253 in all, counted as A-labels (RFC 1034 §3.1).
 * - Beyond RFC 7622, a label in ASCII may hold `_`, as names of hosts and services in use do.
 *
 * @throws XmppError `XMPP_JID_MALFORMED` that says which label is wrong and why. Code points that a later Unicode than this
 * Node's assigns are refused.
 */
export function toUnicode(domain: string): string {
  return prepare(domain).unicode
}

/** One name, or one label of it, in both forms. They are the same for ASCII. */
interface Forms {
  readonly unicode: string
  readonly ascii: string
}

function prepare(domain: string): Forms {
  const rooted = domain.endsWith('.') ? domain.slice(0, -1) : domain
  if (rooted.length > MAX_INPUT) throw malformed(domain, `it is longer than ${MAX_INPUT} octets`)
  const lower = rooted.toLowerCase()
  if (simple.test(lower)) return { unicode: lower, ascii: lower }
  const literal = ipLiteral(rooted)
  if (literal !== undefined) return { unicode: literal, ascii: literal }

  const labels = mapWidth(rooted)
    .replace(/\u3002/g, '.')
    .split('.')
    .map(label => forms(domain, label))
  const [unicode, ascii] = [labels.map(label => label.unicode), labels.map(label => label.ascii)]
  const name = { unicode: unicode.join('.'), ascii: ascii.join('.') }
  if (name.ascii.length > MAX_NAME) throw malformed(domain, `it is longer than ${MAX_NAME} octets`)
  if (isRightToLeft(name.unicode)) {
    for (const label of unicode) {
      const fault = bidiFault(label)
      if (fault !== undefined) throw malformed(domain, `${quote(label)}: ${fault}`)
    }
  }
  // Fullwidth digits may have become an address only now; any other four numbers are no host (RFC 1123 §2.1).
  if (fourNumbers.test(name.ascii) && ipLiteral(name.ascii) === undefined) {
    throw malformed(domain, 'it is neither a name nor an IPv4 address')
  }
  return name
}

/** A label that width mapping is done with: case, form and the checks. */
function forms(domain: string, label: string): Forms {
  // A label by itself: a dot would make a difference to what becomes of a final capital sigma.
  const mapped = mapCase(label)
  if (mapped === '') throw malformed(domain, 'a label is empty')
  if (!ascii.test(mapped)) return { unicode: mapped, ascii: aLabel(domain, mapped) }

  if (mapped.length > MAX_LABEL) throw malformed(domain, `${quote(mapped)} is longer than ${MAX_LABEL} octets`)
  if (mapped.startsWith(ACE_PREFIX)) {
    const decoded = decodePunycode(mapped.slice(ACE_PREFIX.length))
    if (decoded === undefined || ascii.test(decoded)) throw malformed(domain, `${quote(mapped)} is no A-label`)
    // The other way round it must come to the same (RFC 5891 §5.4).
    if (aLabel(domain, decoded) !== mapped)
      throw malformed(domain, `${quote(mapped)} is not the A-label of its U-label`)
    return { unicode: decoded, ascii: mapped }
  }
  const other = /[^a-z0-9_-]/.exec(mapped)?.[0]
  if (other !== undefined) throw misplaced(domain, other)
  hyphens(domain, mapped)
  return { unicode: mapped, ascii: mapped }
}

/** The A-label of what has to be a U-label (RFC 5890 §2.3.2.1). */
function aLabel(domain: string, label: string): string {
  if (label.normalize('NFC') !== label) throw malformed(domain, `${quote(label)} is not in normalization form C`)
  for (const char of label) {
    if (!isAllowed(char)) throw misplaced(domain, char)
  }
  hyphens(domain, label)
  if (leadingMark.test(label)) throw malformed(domain, `${quote(label)} begins with a combining mark`)
  const context = contextFault(label)
  if (context !== undefined) throw malformed(domain, context)
  const encoded = label.length > MAX_LABEL * 2 ? undefined : ACE_PREFIX + encodePunycode(label)
  if (encoded !== undefined && encoded.length <= MAX_LABEL) return encoded
  throw malformed(domain, `${quote(label)} is longer than ${MAX_LABEL} octets as an A-label`)
}

/** PVALID, CONTEXTJ and CONTEXTO, by the algorithm of RFC 5892 §3. */
function isAllowed(char: string): boolean {
  const known = exception(char)
  if (known !== undefined) return known !== 'disallowed'
  if (unassigned.test(char)) return false
  if (/^[a-z0-9-]$/.test(char) || joinControl.test(char)) return true
  // Unstable (§2.2) and IgnorableProperties (§2.3), then IgnorableBlocks (§2.4).
  if (hasCompat(char) || unstable.test(char)) return false
  if (ignorableBlocks.test(char) || oldHangulJamo.test(char)) return false
  return letterDigit.test(char)
}

/** RFC 5891 §4.2.3.1, and for ASCII RFC 5890 §2.3.1: only an A-label has hyphens in the third and fourth place. */
function hyphens(domain: string, label: string): void {
  if (/^-|-$/.test(label)) throw malformed(domain, `${quote(label)} begins or ends with a hyphen`)
  if (label.slice(2, 4) === '--') throw malformed(domain, `${quote(label)} has hyphens in the third and fourth place`)
}

const ACE_PREFIX = 'xn--'
const MAX_LABEL = 63
const MAX_NAME = 253
/** UTF-16 units looked at: no more octets than these make a domainpart (RFC 7622 §3.2). */
const MAX_INPUT = 1023

const leadingMark = lazily(String.raw`^\p{M}`)
const unstable = lazily(String.raw`^[\p{Changes_When_NFKC_Casefolded}\p{Default_Ignorable_Code_Point}]$`)
const ascii = lazily(String.raw`^\p{ASCII}*$`)
/** What most names are, told in one look: ASCII labels, too short to break a limit, that are no number and no A-label. */
const simple = /^(?=.{1,63}$)(?![\d.]+$)[a-z0-9_]+(?:[-.][a-z0-9_]+)*$/
const fourNumbers = /^\d+\.\d+\.\d+\.\d+$/
/** Combining Diacritical Marks for Symbols, Musical Symbols, Ancient Greek Musical Notation. */
const ignorableBlocks = /^[\u20d0-\u20ff\u{1d100}-\u{1d24f}]$/u

function mapCase(label: string): string {
  return label.toLowerCase().normalize('NFC')
}

function quote(text: string): string {
  return `"${printable(text.slice(0, 100))}"`
}

function misplaced(domain: string, char: string): XmppError {
  const typed = originOf(char, domain, text => mapCase(mapWidth(text)))
  return malformed(domain, `${nameOf(typed)}, may not be in it`)
}

function malformed(domain: string, why: string): XmppError {
  return new XmppError('XMPP_JID_MALFORMED', `${quote(domain)} is no domain: ${why}`, { condition: 'jid-malformed' })
}
