import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import {
  bitString,
  boolean,
  constructed,
  integer,
  octetString,
  oid,
  primitive,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts'

/** The party a certificate is about; both dates are inclusive, to the second. */
export interface Subject {
  readonly name: string
  readonly key: KeyObject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly extensions: readonly Buffer[]
}

/** The party that signs: a P-256 key pair, and the name it goes by. */
export interface Issuer {
  readonly name: string
  readonly key: KeyObject
  readonly signer: KeyObject
  /** Default `sha256`; nobody should take the other one. */
  readonly digest?: 'sha256' | 'sha1' | undefined
}

/** One X.509 v3 certificate (RFC 5280 §4.1) signed with ECDSA, in PEM; both key identifiers are added. */
export function issue(subject: Subject, issuer: Issuer): string {
  const { digest = 'sha256' } = issuer
  const algorithm = ALGORITHMS[digest]
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40 // RFC 5280 §4.1.2.2: positive; the set bit keeps the size at 16 octets
  const body = sequence(
    constructed(0, integer(Buffer.of(2))), // v3
    integer(serial),
    algorithm,
    distinguishedName(issuer.name),
    sequence(time(subject.notBefore), time(subject.notAfter)),
    distinguishedName(subject.name),
    publicKeyInfo(subject.key),
    constructed(
      3,
      sequence(
        ...subject.extensions,
        extension('2.5.29.14', octetString(keyIdentifier(subject.key))),
        extension('2.5.29.35', sequence(primitive(0, keyIdentifier(issuer.key)))),
      ),
    ),
  )
  return pem(sequence(body, algorithm, bitString(sign(digest, body, issuer.signer))))
}

/** One entry of the extensions (RFC 5280 §4.2); `value` is the DER inside the OCTET STRING. */
export function extension(id: string, value: Buffer, critical = false): Buffer {
  return critical ? sequence(oid(id), boolean(true), octetString(value)) : sequence(oid(id), octetString(value))
}

/** RFC 5758 §3.2. */
const ALGORITHMS = {
  sha256: sequence(oid('1.2.840.10045.4.3.2')),
  sha1: sequence(oid('1.2.840.10045.4.1')),
}

function distinguishedName(commonName: string): Buffer {
  // RFC 5280 appendix A.1, ub-common-name: 64 characters at most. Clients compare the alternative names.
  return sequence(set(sequence(oid('2.5.4.3'), utf8String([...commonName].slice(0, 64).join('')))))
}

function publicKeyInfo(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

/** RFC 7093 §2 method 4, cut to the 160 bits of its other methods. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256').update(publicKeyInfo(key)).digest().subarray(0, 20)
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
