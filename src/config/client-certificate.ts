import { nodeCrypto } from '../builtin.ts'
import { exposedMode, type FileSource, resolvePath, unreadable } from './source.ts'

/** A certificate to show, with its private key; both PEM. The key shows up in no JSON and no inspection of the object. */
export class ClientCertificate {
  /** The certificate, followed by those of its issuers if they are in the file. */
  readonly cert: string
  readonly #key: string

  constructor(cert: string, key: string) {
    this.cert = cert
    this.#key = key
  }

  /** Not encrypted. */
  get key(): string {
    return this.#key
  }
}

/** A certificate and its key, or which of the files is wrong, and how. */
export type ClientCertificateReading =
  | {
      readonly certificate: ClientCertificate
      /** The permission bits of the key's file when everyone can read it. */
      readonly exposed: number | undefined
    }
  | { readonly file: 'certfile' | 'keyfile'; readonly error: string }

/**
 * A reader for `tls_certfile` and `tls_keyfile`. Without a key file the key is in the certificate's file.
 * @param directory what relative paths are relative to
 */
export function clientCertificateReader(source: FileSource, directory: string) {
  return (certfile: string, keyfile: string | undefined): ClientCertificateReading => {
    const paths = [certfile, keyfile ?? certfile].map(path => resolvePath(directory, path))
    const [certPath = '', keyPath = ''] = paths
    try {
      const certs = readCertificates(certfile === '' ? '' : certPath, source)
      const key = readKey(keyfile === '' ? '' : keyPath, source, keyfile === undefined)
      checkFit(certs, certPath, key, keyPath)
      const certificate = new ClientCertificate(`${certs.join('\n')}\n`, key)
      return { certificate, exposed: exposedMode(keyPath, source) }
    } catch (error) {
      if (error instanceof Fault) return { file: error.file, error: error.message }
      throw error
    }
  }
}

class Fault extends Error {
  readonly file: 'certfile' | 'keyfile'

  constructor(file: 'certfile' | 'keyfile', message: string) {
    super(message)
    this.file = file
  }
}

/** A chain of certificates with a key takes a few KiB. */
const MOST_BYTES = 1024 * 1024

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const KEY = /-----BEGIN ((?:[A-Z]+ )*)PRIVATE KEY-----([^-]|-(?!----))*-----END \1PRIVATE KEY-----/g

function readText(file: 'certfile' | 'keyfile', path: string, source: FileSource): string {
  if (path === '') throw new Fault(file, 'it names no file')
  const bytes = source.read(path)
  if (bytes === undefined) throw new Fault(file, `"${path}" cannot be read: ${unreadable(path, source)}`)
  if (bytes.byteLength > MOST_BYTES) throw new Fault(file, `"${path}" is too large for what it should hold`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function readCertificates(path: string, source: FileSource): string[] {
  const blocks = readText('certfile', path, source).match(CERTIFICATE) ?? []
  if (blocks.length === 0) {
    const form = 'it must hold "-----BEGIN CERTIFICATE-----" and what follows it'
    throw new Fault('certfile', `"${path}" is not a PEM file with a certificate: ${form}`)
  }
  for (const [index, block] of blocks.entries()) {
    if (attempt(() => new (nodeCrypto().X509Certificate)(block)) === undefined) {
      throw new Fault('certfile', `certificate ${index + 1} in "${path}" cannot be read: it is damaged`)
    }
  }
  return blocks
}

/** @param alone there is no other file in which the key could be */
function readKey(path: string, source: FileSource, alone: boolean): string {
  const file = alone ? 'certfile' : 'keyfile'
  const [key, ...others] = readText(file, path, source).match(KEY) ?? []
  if (key === undefined) {
    const advice = alone ? 'tls_keyfile has to say where it is' : 'it must hold "-----BEGIN PRIVATE KEY-----"'
    throw new Fault(file, `"${path}" holds no private key: ${advice}`)
  }
  if (others.length > 0) throw new Fault(file, `"${path}" holds ${others.length + 1} private keys, and needs one`)
  if (/ENCRYPTED/.test(key)) {
    const advice = 'nobody is there to ask for its passphrase; "openssl pkey" writes it without'
    throw new Fault(file, `the private key in "${path}" is encrypted: ${advice}`)
  }
  if (attempt(() => nodeCrypto().createPrivateKey(key)) === undefined) {
    throw new Fault(file, `the private key in "${path}" cannot be read: it is damaged`)
  }
  return key
}

function checkFit(certs: readonly string[], certPath: string, key: string, keyPath: string): void {
  const { createPrivateKey, X509Certificate } = nodeCrypto()
  const privateKey = createPrivateKey(key)
  const at = certs.findIndex(cert => new X509Certificate(cert).checkPrivateKey(privateKey))
  if (at === 0) return
  if (at > 0) {
    const order = "the account's own certificate has to come first, then that of its issuer, and so on"
    throw new Fault('certfile', `the private key fits certificate ${at + 1} in "${certPath}": ${order}`)
  }
  const file = certPath === keyPath ? 'certfile' : 'keyfile'
  throw new Fault(file, `the private key in "${keyPath}" is not the one of the certificate in "${certPath}"`)
}

/** What is thrown here is never shown: it could hold something of the key. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
