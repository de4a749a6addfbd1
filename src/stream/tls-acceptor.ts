import type { Duplex } from 'node:stream'
import type { SecureContext, TLSSocket } from 'node:tls'
import { nodeTls } from '../builtin.ts'
import { describe, XmppError } from '../errors.ts'
import type { Secured, TlsServerOptions } from './tls.ts'
import { bothSides, forGood, handshake, tlsFacts } from './tls-handshake.ts'
import { alertIn } from './tls-words.ts'

/** As acceptor; see `secure()`. */
export async function accept(
  duplex: Duplex,
  options: TlsServerOptions,
  began: (socket: TLSSocket) => void,
): Promise<Secured> {
  const { alpn, clientCertificate } = options
  const tls = nodeTls()
  const socket = new tls.TLSSocket(duplex as never, {
    isServer: true,
    secureContext: contextOf(options),
    requestCert: clientCertificate !== undefined,
    rejectUnauthorized: clientCertificate === 'require',
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  })
  began(forGood(socket))
  try {
    await handshake(socket, 'secure', () => {})
  } catch (error) {
    socket.destroy()
    throw refused(error)
  }
  return { socket, facts: tlsFacts(socket, { verified: false, role: 'acceptor' }) }
}

function refused(error: unknown): XmppError {
  const alert = alertIn(error)
  const { code, reason } = error as { code?: string; reason?: string }
  const told = alert === undefined ? (reason ?? describe(error)) : `the client has ended it: ${alert.words}`
  return new XmppError('XMPP_TLS_REFUSED', `TLS failed: ${told}${code === undefined ? '' : ` (${code})`}`, {
    cause: error,
    ...(alert && { condition: alert.condition }),
  })
}

/** One for each set of options, since it takes longer to make than a handshake; the tickets of its connections fit each other. */
function contextOf(options: TlsServerOptions): SecureContext {
  const known = contexts.get(options)
  if (known !== undefined) return known
  const { cert, key, ca, minVersion = 'TLSv1.2', maxVersion } = options
  const context = nodeTls().createSecureContext({
    ...bothSides,
    cert,
    key,
    minVersion,
    // Without it OpenSSL resumes no session where a client's certificate was asked for.
    sessionIdContext: 'xmpp',
    ...(ca === undefined ? {} : { ca }),
    ...(maxVersion && { maxVersion }),
  })
  contexts.set(options, context)
  return context
}

const contexts = new WeakMap<TlsServerOptions, SecureContext>()
