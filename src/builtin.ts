import { createRequire } from 'node:module'

/**
 * Node's own modules that cost megabytes and milliseconds, each loaded when it is first asked for: who imports the library may not
 * connect at once, and many never start TLS. Nothing else imports them; their types are free.
 */

const load = createRequire(import.meta.url)
let net: typeof import('node:net') | undefined
let tls: typeof import('node:tls') | undefined
let crypto: typeof import('node:crypto') | undefined

export function nodeNet(): typeof import('node:net') {
  net ??= load('node:net') as typeof import('node:net')
  return net
}

export function nodeTls(): typeof import('node:tls') {
  tls ??= load('node:tls') as typeof import('node:tls')
  return tls
}

export function nodeCrypto(): typeof import('node:crypto') {
  crypto ??= load('node:crypto') as typeof import('node:crypto')
  return crypto
}
