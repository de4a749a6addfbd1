import { DerReader } from './der-reader.ts'

/** In the words of node:crypto. */
type Hash = 'sha224' | 'sha256' | 'sha384' | 'sha512' | 'sha512-224' | 'sha512-256'

/**
 * The hash by which tls-server-end-point knows a certificate (RFC 5929 §4.1): that of its signature, and SHA-256 in place of MD5 and
 * SHA-1. Undefined where the signature has no such hash or not just one, as Ed25519, and for what cannot be read.
 */
export function signatureHash(certificate: Uint8Array): Hash | undefined {
  try {
    const outer = new DerReader(certificate, 'the certificate').inside(SEQUENCE)
    outer.next(SEQUENCE) // tbsCertificate
    const algorithm = outer.inside(SEQUENCE)
    const id = hex(algorithm.next(OID))
    return id === RSASSA_PSS ? pssHash(algorithm.inside(SEQUENCE)) : signatures[id]
  } catch {
    // Whoever has to refuse such a certificate does so; there is just nothing to bind to.
    return undefined
  }
}

/** RFC 4055 §3.1: the message's hash, unless another one makes the mask. Both default to SHA-1. */
function pssHash(parameters: DerReader): Hash | undefined {
  const hash = parameters.tag === 0xa0 ? parameters.inside(0xa0).inside(SEQUENCE).next(OID) : undefined
  const mask = parameters.tag === 0xa1 ? maskHash(parameters.inside(0xa1).inside(SEQUENCE)) : undefined
  const [name, maskName] = [hash, mask].map(id => (id === undefined ? SHA1 : hex(id)))
  return name === maskName ? hashes[name as string] : undefined
}

function maskHash(algorithm: DerReader): Uint8Array {
  algorithm.next(OID) // id-mgf1, the only one there is
  return algorithm.inside(SEQUENCE).next(OID)
}

const SEQUENCE = 0x30
const OID = 0x06
const RSASSA_PSS = '2a864886f70d01010a' // 1.2.840.113549.1.1.10
const SHA1 = '2b0e03021a' // 1.3.14.3.2.26

const hashes: Readonly<Record<string, Hash>> = {
  [SHA1]: 'sha256',
  '608648016503040201': 'sha256', // 2.16.840.1.101.3.4.2.1 and so on
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
  '608648016503040204': 'sha224',
  '608648016503040205': 'sha512-224',
  '608648016503040206': 'sha512-256',
}

// RFC 3279 §2.2, RFC 4055 §5, RFC 5758 §3.
const signatures: Readonly<Record<string, Hash>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption, 1.2.840.113549.1.1.4
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010b': 'sha256', // sha256WithRSAEncryption
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010f': 'sha512-224',
  '2a864886f70d010110': 'sha512-256',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1, 1.2.840.10045.4.1
  '2a8648ce3d040301': 'sha224', // ecdsa-with-SHA224
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2a8648ce380403': 'sha256', // dsa-with-sha1, 1.2.840.10040.4.3
  '608648016503040301': 'sha224', // dsa-with-sha224, 2.16.840.1.101.3.4.3.1
  '608648016503040302': 'sha256',
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
