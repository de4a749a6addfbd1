import { generateKeyPairSync } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { bitString, boolean, constructed, ia5String, oid, primitive, sequence, utf8String } from './der.ts'
import { extension, issue } from './x509.ts'

/** What a TLS server needs to show a certificate, and what its clients need to trust it; all PEM. */
export interface Certificate {
  /** The private key, PKCS#8. */
  readonly key: string
  /** The leaf, followed by the CA that signed it unless it is self-signed. */
  readonly cert: string
  /** The certificate to trust: the CA, or the leaf itself when it is self-signed. */
  readonly ca: string
}

/** What `makeCertificate` should put into the leaf. */
export interface CertificateOptions {
  /** DNS names, one at least; the first is the common name too. */
  readonly names: readonly string[]
  /** IPv4 and IPv6 addresses. */
  readonly addresses?: readonly string[]
  /** Default: an hour ago. */
  readonly notBefore?: Date
  /** Default: in a year. */
  readonly notAfter?: Date
  /** Signed by its own key, without a CA. */
  readonly selfSigned?: boolean
}

/**
 * Makes a fresh certificate for an XMPP server (RFC 6120 §13.7.1.2), signed by a fresh CA whose key is then forgotten:
 * trusting that CA trusts this one certificate. Throws a RangeError for no name, or for an address that is none.
 */
export function makeCertificate(options: CertificateOptions): Certificate {
  const commonName = options.names[0]
  if (commonName === undefined) throw new RangeError('a certificate needs a name')
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const subject = {
    name: commonName,
    key: leaf.publicKey,
    notBefore: options.notBefore ?? new Date(Date.now() - HOUR),
    notAfter: options.notAfter ?? new Date(Date.now() + YEAR),
    extensions: leafExtensions(options),
  }
  if (options.selfSigned) {
    const cert = issue(subject, { name: subject.name, key: leaf.publicKey, signer: leaf.privateKey })
    return { key, cert, ca: cert }
  }
  const root = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { name: `test CA of ${commonName}`, key: root.publicKey, signer: root.privateKey }
  const ca = issue({ ...issuer, ...CA_VALIDITY, extensions: CA_EXTENSIONS }, issuer)
  return { key, cert: issue(subject, issuer) + ca, ca }
}

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

// Wide, so that a leaf of any age fails or passes by its own dates.
const CA_VALIDITY = { notBefore: new Date('2000-01-01T00:00:00Z'), notAfter: new Date('2099-12-31T23:59:59Z') }

const CA_EXTENSIONS = [
  extension('2.5.29.19', sequence(boolean(true)), true), // basicConstraints: cA
  extension('2.5.29.15', bitString(Buffer.of(0x04), 2), true), // keyUsage: keyCertSign
]

function leafExtensions({ names, addresses = [] }: CertificateOptions): Buffer[] {
  return [
    extension('2.5.29.19', sequence(), true), // basicConstraints: no CA
    extension('2.5.29.15', bitString(Buffer.of(0x80), 7), true), // keyUsage: digitalSignature
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'))), // extKeyUsage: serverAuth
    extension('2.5.29.17', sequence(...names.flatMap(nameForms), ...addresses.map(a => primitive(7, addressBytes(a))))),
  ]
}

/** RFC 6120 §13.7.1.2.1: a DNS-ID, and the two XMPP forms, for one domain. */
function nameForms(name: string): Buffer[] {
  const ascii = domainToASCII(name) || name
  return [
    primitive(2, Buffer.from(ascii, 'latin1')),
    otherName('1.3.6.1.5.5.7.8.7', ia5String(`_xmpp-client.${ascii}`)), // id-on-dnsSRV, RFC 4985 §2
    otherName('1.3.6.1.5.5.7.8.5', utf8String(name)), // id-on-xmppAddr, RFC 6120 §13.7.1.4
  ]
}

function otherName(type: string, value: Buffer): Buffer {
  return constructed(0, oid(type), constructed(0, value))
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  if (!isIPv6(address)) throw new RangeError(`not an IP address: ${address}`)
  // The URL parser writes every address in one form: hex groups, one `::` at most.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<string>(8 - before.length - after.length).fill('0')
  return Buffer.from([...before, ...zeros, ...after].map(group => group.padStart(4, '0')).join(''), 'hex')
}

function groups(text: string): string[] {
  return text === '' ? [] : text.split(':')
}
