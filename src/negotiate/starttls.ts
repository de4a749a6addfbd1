import { XmppError } from '../errors.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import type { ClientNegotiation } from './options.ts'

export const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls'

/**
 * Asks for TLS and puts it under the stream (RFC 6120 §5).
 * @throws XmppError `XMPP_TLS_UNAVAILABLE` when it is not offered, `XMPP_TLS_REFUSED`
 */
export async function startTls(
  stream: XmlStream,
  features: Element | undefined,
  { domain, tlsOptions, onProgress, onStep }: ClientNegotiation,
): Promise<void> {
  if (features?.child('starttls', NS_TLS) === undefined) {
    throw new XmppError(
      'XMPP_TLS_UNAVAILABLE',
      `${domain} offers no STARTTLS here, and without TLS there is no session`,
    )
  }
  stream.send(el('starttls', NS_TLS))
  onProgress?.('Requested TLS')
  const reply = await stream.expect(NS_TLS, 'proceed', 'failure')
  if (reply.name === 'failure') throw new XmppError('XMPP_TLS_REFUSED', `${domain} refused to start TLS`)
  onStep?.('tls')
  await stream.startTls({ ...tlsOptions, domain })
  onStep?.('negotiation')
}
