import { printable } from '../printable.ts'
import { DerReader, malformed } from './der-reader.ts'

/** What XMPP asks of a certificate (RFC 5280 §4.1, RFC 6120 §13.7.1.2). */
export interface CertificateFacts {
  /** Both are inclusive, in ms since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** Of the kinds that can name an XMPP server, in the certificate's order. There may be hundreds. */
  readonly names: readonly CertificateName[]
}

/** One entry of a subjectAltName, as it stands there. */
export interface CertificateName {
  /**
   * `DNS`: dNSName. `SRV`: id-on-dnsSRV, `_service.domain` (RFC 4985 §2). `XMPP`: id-on-xmppAddr, a JID (RFC 6120 §13.7.1.4).
   * `IP`: iPAddress, four octets with dots between or eight hexadecimal groups with colons.
   */
  readonly kind: 'DNS' | 'SRV' | 'XMPP' | 'IP'
  readonly value: string
}

/**
 * Reads a certificate's dates and names out of its DER: of Node's own text of them no kind but two can be used, and it has been
 * ambiguous before.
 * @throws XmppError `XMPP_TLS_REFUSED` with condition `bad_certificate` for what is not DER, or not as RFC 5280 says
 */
export function readCertificate(der: Uint8Array): CertificateFacts {
  const body = bodyOf(der)
  const { notBefore, notAfter } = readPreamble(body)
  body.next(SEQUENCE) // subject: a common name names no server any more (RFC 9525 §2)
  body.next(SEQUENCE) // subjectPublicKeyInfo
  body.skip(0x81) // issuerUniqueID
  body.skip(0x82) // subjectUniqueID
  const names = body.tag === 0xa3 ? readExtensions(body.inside(0xa3)) : []
  return { notBefore, notAfter, names }
}

/** Who has issued a certificate and whom it is about, each in a few printable words for a message. Undefined: cannot be read. */
export function partiesOf(der: Uint8Array): { readonly issuer: string; readonly subject: string } | undefined {
  try {
    const body = bodyOf(der)
    const { issuer } = readPreamble(body)
    return { issuer: distinguishedName(issuer), subject: distinguishedName(body.next(SEQUENCE)) }
  } catch {
    // A name that cannot be read is not worth an error: it is wanted for the text of another.
    return undefined
  }
}

/** Text of a certificate as a message may show it: one line, no longer than a domain needs. */
export function shown(text: string): string {
  const line = printable(text.slice(0, 100))
  return text.length > 100 ? `${line}…` : line
}

const SEQUENCE = 0x30
const WHAT = 'the certificate'
const NAMES = "the certificate's list of names"

function bodyOf(der: Uint8Array): DerReader {
  return new DerReader(der, WHAT).inside(SEQUENCE).inside(SEQUENCE)
}

/** Everything of TBSCertificate before the subject. */
function readPreamble(body: DerReader): { issuer: Uint8Array; notBefore: number; notAfter: number } {
  body.skip(0xa0) // version
  body.next(0x02) // serialNumber
  body.next(SEQUENCE) // signature
  const issuer = body.next(SEQUENCE)
  const validity = body.inside(SEQUENCE)
  const [notBefore, notAfter] = [readTime(validity), readTime(validity)]
  validity.end()
  return { issuer, notBefore, notAfter }
}

/** RFC 5280 §4.1.2.5: UTCTime with two digits for the year, or GeneralizedTime; in UTC and to the second, both of them. */
function readTime(validity: DerReader): number {
  const { tag } = validity
  const text = latin1(validity.next())
  const [, year = '', rest = ''] = (tag === 0x17 ? /^(\d\d)(\d{10})Z$/ : /^(\d{4})(\d{10})Z$/).exec(text) ?? []
  const [month, day, hour, minute, second] = (rest.match(/\d\d/g) ?? []).map(Number)
  if ((tag !== 0x17 && tag !== 0x18) || second === undefined) throw malformed(WHAT, 'a date is none')
  const century = tag === 0x18 ? '' : Number(year) < 50 ? '20' : '19'
  return Date.UTC(Number(century + year), (month ?? 0) - 1, day, hour, minute, second)
}

const SUBJECT_ALT_NAME = '551d11' // 2.5.29.17

function readExtensions(wrapped: DerReader): readonly CertificateName[] {
  const list = wrapped.inside(SEQUENCE)
  let names: readonly CertificateName[] | undefined
  while (list.tag !== undefined) {
    const extension = list.inside(SEQUENCE)
    const id = hex(extension.next(0x06))
    extension.skip(0x01) // critical
    const value = extension.next(0x04)
    if (id !== SUBJECT_ALT_NAME) continue
    // RFC 5280 §4.2: no extension twice. Of two lists of names another reader may believe the other one.
    if (names !== undefined) throw malformed(NAMES, 'there are two')
    names = readNames(value)
  }
  return names ?? []
}

/** RFC 5280 §4.2.1.6: GeneralNames. */
function readNames(value: Uint8Array): readonly CertificateName[] {
  const outer = new DerReader(value, NAMES)
  const list = outer.inside(SEQUENCE)
  outer.end()
  const names: CertificateName[] = []
  while (list.tag !== undefined) {
    const { tag } = list
    const contents = list.next()
    if (tag === 0x82) names.push({ kind: 'DNS', value: ia5(contents) })
    else if (tag === 0x87) names.push({ kind: 'IP', value: addressText(contents) })
    else if (tag === 0xa0) names.push(...readOtherName(contents))
  }
  return names
}

const DNS_SRV = '2b06010505070807' // 1.3.6.1.5.5.7.8.7
const XMPP_ADDR = '2b06010505070805' // 1.3.6.1.5.5.7.8.5

/** OtherName: what kind it is, and then `[0]` around the value. */
function readOtherName(contents: Uint8Array): readonly CertificateName[] {
  const name = new DerReader(contents, NAMES)
  const id = hex(name.next(0x06))
  const value = name.inside(0xa0)
  name.end()
  if (id === DNS_SRV) return [{ kind: 'SRV', value: ia5(value.next(0x16)) }]
  if (id === XMPP_ADDR) return [{ kind: 'XMPP', value: utf8(value.next(0x0c)) }]
  return []
}

function addressText(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  if (octets.length !== 16) throw malformed(NAMES, `an address of ${octets.length} octets`)
  return (hex(octets).match(/.{4}/g) ?? []).join(':')
}

/** "CN=…" of a Name, else its first part. It is for reading only: nothing is decided by it. */
function distinguishedName(name: Uint8Array): string {
  const parts = new DerReader(name, WHAT)
  let first: string | undefined
  while (parts.tag !== undefined) {
    const part = parts.inside(0x31).inside(SEQUENCE)
    const id = hex(part.next(0x06))
    const { tag } = part
    const text = shown(attributeText(tag, part.next()))
    if (id === '550403') return text // commonName
    first ??= text
  }
  return first ?? 'a party without a name'
}

function attributeText(tag: number | undefined, contents: Uint8Array): string {
  const bytes = Buffer.from(contents.subarray(0, 400))
  if (tag === 0x1e)
    return bytes
      .subarray(0, bytes.length & ~1)
      .swap16()
      .toString('utf16le') // BMPString
  return bytes.toString(tag === 0x0c ? 'utf8' : 'latin1')
}

function ia5(bytes: Uint8Array): string {
  if (bytes.some(byte => byte > 0x7f)) throw malformed(NAMES, 'a name is not ASCII')
  return latin1(bytes)
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed(NAMES, 'a name is not UTF-8')
  }
}

const latin1 = (bytes: Uint8Array): string => view(bytes).toString('latin1')
const hex = (bytes: Uint8Array): string => view(bytes).toString('hex')
const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
