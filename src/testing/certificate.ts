import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { bitString, boolean, oid, sequence } from './der.ts'
import { addressName, alternativeNames, dnsName, serverNames, srvName, xmppAddr } from './names.ts'
import { extension, type Issuer, issue, type Subject } from './x509.ts'

/** What a TLS server needs to show a certificate, and what its clients need to trust it; all PEM. */
export interface Certificate {
  /** The private key, PKCS#8. */
  readonly key: string
  /** The leaf, followed by the CAs above it unless it is self-signed. */
  readonly cert: string
  /** The certificate to trust: the root CA, or the leaf itself when it is self-signed. */
  readonly ca: string
}

/** What `makeCertificate` should put into the leaf, and how it is to be issued. */
export interface CertificateOptions {
  /** Domains, each in the three forms that XMPP knows: DNS-ID, SRVName of `xmpp-client`, XmppAddr. */
  readonly names: readonly string[]
  /** IPv4 and IPv6 addresses. */
  readonly addresses?: readonly string[]
  /** Further DNS-IDs, as they stand: wildcards, and what no certificate should hold. */
  readonly dnsNames?: readonly string[]
  /** Further SRVNames, as they stand: `_service.domain` (RFC 4985 §2). */
  readonly srvNames?: readonly string[]
  /** Further XmppAddrs, as they stand (RFC 6120 §13.7.1.4). */
  readonly xmppAddrs?: readonly string[]
  /** DER in place of all those names; empty for a certificate without any. */
  readonly subjectAltName?: Uint8Array
  /** Default: the first of `names`. One of the two is needed. */
  readonly commonName?: string
  /** Default: an hour ago. */
  readonly notBefore?: Date
  /** Default: in a year. */
  readonly notAfter?: Date
  /** Signed by its own key, without a CA. */
  readonly selfSigned?: boolean
  /** What the leaf may be used for. `ca` makes a CA of it, whose key may only sign certificates. Default `server`. */
  readonly purpose?: 'server' | 'client' | 'ca'
  /** CAs between the root and the leaf. Default none. */
  readonly intermediates?: number
  /** `leaf` leaves the others out of `cert`, as a server does that is not set up well. Default `all`. */
  readonly chain?: 'all' | 'leaf'
  /** How the leaf is signed. */
  readonly digest?: 'sha256' | 'sha1'
  /** An RSA key of so many bits instead of one on P-256. */
  readonly rsa?: number
}

/**
 * Makes a fresh certificate for an XMPP server (RFC 6120 §13.7.1.2), signed by a fresh CA whose key is then forgotten:
 * trusting that CA trusts this one certificate. Throws a RangeError for no name, or for an address that is none.
 */
export function makeCertificate(options: CertificateOptions): Certificate {
  const name = options.commonName ?? options.names[0]
  if (name === undefined) throw new RangeError('a certificate needs a name')
  const { publicKey, privateKey } = options.rsa === undefined ? ecKey() : rsaKey(options.rsa)
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const subject: Subject = {
    name,
    key: publicKey,
    notBefore: options.notBefore ?? new Date(Date.now() - HOUR),
    notAfter: options.notAfter ?? new Date(Date.now() + YEAR),
    extensions: leafExtensions(options),
  }
  if (options.selfSigned) {
    const cert = issue(subject, { name, key: publicKey, signer: privateKey, digest: options.digest })
    return { key, cert, ca: cert }
  }
  const { issuer, chain } = authorities(name, options.intermediates ?? 0)
  const leaf = issue(subject, { ...issuer, digest: options.digest })
  const cert = options.chain === 'leaf' ? leaf : [leaf, ...chain].join('')
  return { key, cert, ca: chain.at(-1) ?? leaf }
}

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

// Wide, so that a leaf of any age fails or passes by its own dates.
const CA_VALIDITY = { notBefore: new Date('2000-01-01T00:00:00Z'), notAfter: new Date('2099-12-31T23:59:59Z') }

const CA_EXTENSIONS = [
  extension('2.5.29.19', sequence(boolean(true)), true), // basicConstraints: cA
  extension('2.5.29.15', bitString(Buffer.of(0x04), 2), true), // keyUsage: keyCertSign
]

/** A root and so many CAs below it: the last of them, and the certificates of all from that one up. */
function authorities(name: string, intermediates: number): { issuer: Issuer; chain: string[] } {
  let issuer = authority(`test CA of ${name}`)
  const chain = [certify(issuer, issuer)]
  for (let n = 1; n <= intermediates; n++) {
    const next = authority(`test CA ${n} of ${name}`)
    chain.unshift(certify(next, issuer))
    issuer = next
  }
  return { issuer, chain }
}

function authority(name: string): Issuer {
  const { publicKey, privateKey } = ecKey()
  return { name, key: publicKey, signer: privateKey }
}

function certify({ name, key }: Issuer, issuer: Issuer): string {
  return issue({ name, key, ...CA_VALIDITY, extensions: CA_EXTENSIONS }, issuer)
}

type Keys = { readonly publicKey: KeyObject; readonly privateKey: KeyObject }

const ecKey = (): Keys => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsaKey = (bits: number): Keys => generateKeyPairSync('rsa', { modulusLength: bits })

const PURPOSES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const

function leafExtensions(options: CertificateOptions): Buffer[] {
  const { names, addresses = [], dnsNames = [], srvNames = [], xmppAddrs = [], purpose = 'server' } = options
  const all = [
    ...names.flatMap(serverNames),
    ...dnsNames.map(dnsName),
    ...srvNames.map(srvName),
    ...xmppAddrs.map(xmppAddr),
    ...addresses.map(addressName),
  ]
  const list = options.subjectAltName ?? (all.length === 0 ? Buffer.alloc(0) : alternativeNames(...all))
  const alternatives = list.length === 0 ? [] : [extension('2.5.29.17', Buffer.from(list))]
  if (purpose === 'ca') return [...CA_EXTENSIONS, ...alternatives]
  return [
    extension('2.5.29.19', sequence(), true), // basicConstraints: no CA
    extension('2.5.29.15', bitString(Buffer.of(0x80), 7), true), // keyUsage: digitalSignature
    extension('2.5.29.37', sequence(oid(PURPOSES[purpose]))), // extKeyUsage
    ...alternatives,
  ]
}
