import { nodeCrypto } from '../builtin.ts'
import { type FileSource, resolvePath, unreadable } from './source.ts'

/** The certificates of a file as PEM text and nothing else of it, or what is wrong with the file. */
export type CaReading = { readonly pem: string } | { readonly error: string }

/**
 * A reader for `tls_cafile`, which reads each file once however many accounts name it.
 * @param directory what relative paths are relative to
 */
export function caReader(source: FileSource, directory: string): (path: string) => CaReading {
  const known = new Map<string, CaReading>()
  return path => {
    const full = resolvePath(directory, path)
    const reading = known.get(full) ?? readCa(full, source)
    known.set(full, reading)
    return reading
  }
}

/** The certificates of all systems together take a quarter of a MiB. */
const mostBytes = 4 * 1024 * 1024

const certificate = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

function readCa(path: string, source: FileSource): CaReading {
  const bytes = source.read(path)
  if (bytes === undefined) return { error: `"${path}" cannot be read: ${unreadable(path, source)}` }
  if (bytes.byteLength > mostBytes) return { error: `"${path}" is too large for a file of certificates` }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const blocks = text.match(certificate) ?? []
  if (blocks.length === 0) {
    const what = text.trim() === '' ? 'is empty' : 'is not a PEM file of certificates'
    return { error: `"${path}" ${what}: it must hold "-----BEGIN CERTIFICATE-----" and what follows it` }
  }
  for (const [index, block] of blocks.entries()) {
    // Otherwise it would only be noticed when the account connects.
    if (!isCertificate(block)) return { error: `certificate ${index + 1} in "${path}" cannot be read: it is damaged` }
  }
  return { pem: `${blocks.join('\n')}\n` }
}

function isCertificate(pem: string): boolean {
  try {
    const { X509Certificate } = nodeCrypto()
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
