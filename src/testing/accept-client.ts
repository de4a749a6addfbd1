import { randomBytes } from 'node:crypto'
import { StanzaError, StreamError, XmppError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { NS_CHANNEL_BINDING } from '../negotiate/sasl.ts'
import { NS_BIND, NS_CLIENT, NS_SASL, NS_SESSION, NS_TLS } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_STREAM } from '../stream/namespaces.ts'
import type { XmlStream } from '../stream/stream.ts'
import type { TlsServerOptions } from '../stream/tls.ts'
import type { Accounts } from './accounts.ts'
import { authenticate, type ServerMechanism, usable } from './sasl-server.ts'
import { errorReply } from './stanza.ts'

/** What a server lets its clients do. */
export interface ClientRules {
  readonly accounts: Accounts
  readonly tls: TlsServerOptions
  readonly starttls: 'required' | 'optional' | 'none'
  readonly mechanisms: readonly ServerMechanism[]
}

/** Who has logged in, and how. */
export interface Login {
  /** Full JID. */
  readonly jid: string
  readonly mechanism: string
}

/** RFC 6120 §4.3 for the receiving side of a client's stream. */
export async function acceptClient(stream: XmlStream, rules: ClientRules): Promise<Login> {
  let domain = await openStream(stream, rules)
  let request = await offerLogin(stream, rules)

  if (request.is('starttls', NS_TLS)) {
    await startTls(stream, rules)
    domain = await openStream(stream, rules)
    request = await offerLogin(stream, rules)
  }
  if (!request.is('auth', NS_SASL)) {
    throw stream.fail(new StreamError('not-authorized', `<${request.name}> before the login`))
  }
  const { accounts, mechanisms: known } = rules
  const { account, mechanism } = await authenticate(stream, request, {
    accounts,
    domain,
    known,
    offered: offered(stream, rules),
  })

  await openStream(stream, rules)
  stream.send(
    el(
      'features',
      NS_STREAM,
      {},
      el('bind', NS_BIND),
      // RFC 3921's session does nothing any more; clients of that time want to see it.
      el('session', NS_SESSION, {}, el('optional', NS_SESSION)),
    ),
  )
  return { jid: await bind(stream, account), mechanism }
}

/** Reads the client's header, answers with ours, and returns the domain it wants. */
async function openStream(stream: XmlStream, { accounts }: ClientRules): Promise<string> {
  stream.restart()
  const { header } = await stream.readHeader()
  const to = prepareJid(header.attrs.to ?? '') ?? ''
  const known = accounts.domains.has(to)
  stream.sendHeader({
    from: known ? to : header.attrs.to,
    to: header.attrs.from,
    id: randomBytes(12).toString('base64url'),
    version: '1.0',
    'xml:lang': 'en',
  })
  if (!known) throw stream.fail(new StreamError('host-unknown'))
  if (!header.attrs.version?.startsWith('1.')) throw stream.fail(new StreamError('unsupported-version'))
  return to
}

/** Says how one may go on, and returns what the client does about it. */
async function offerLogin(stream: XmlStream, rules: ClientRules): Promise<Element> {
  const features: Element[] = []
  if (stream.transport.tls === undefined && rules.starttls !== 'none') {
    features.push(el('starttls', NS_TLS, {}, ...(rules.starttls === 'required' ? [el('required', NS_TLS)] : [])))
  }
  const mechanisms = offered(stream, rules)
  const names = mechanisms.map(({ name }) => el('mechanism', NS_SASL, {}, name))
  if (names.length > 0) features.push(el('mechanisms', NS_SASL, {}, ...names))
  if (mechanisms.some(({ needs }) => needs === 'channel')) features.push(channelBindings(stream))
  stream.send(el('features', NS_STREAM, {}, ...features))
  const request = await stream.next()
  if (request === undefined) throw new XmppError('XMPP_STREAM_ENDED', 'the client closed its stream before the login')
  return request
}

/** What may be used on this stream as it is now. */
function offered(stream: XmlStream, { starttls, mechanisms }: ClientRules): readonly ServerMechanism[] {
  const { tls } = stream.transport
  const possible = usable(mechanisms, tls)
  if (tls !== undefined || starttls === 'none') return possible
  return starttls === 'required' ? [] : possible.filter(({ plaintext }) => !plaintext)
}

/** XEP-0440 §3: what a client may bind to, so that it need not guess. */
function channelBindings(stream: XmlStream): Element {
  const types = [...(stream.transport.tls?.bindings().keys() ?? [])]
  const listed = types.map(type => el('channel-binding', NS_CHANNEL_BINDING, { type }))
  return el('sasl-channel-binding', NS_CHANNEL_BINDING, {}, ...listed)
}

async function startTls(stream: XmlStream, { tls, starttls }: ClientRules): Promise<void> {
  if (stream.transport.tls !== undefined || starttls === 'none') {
    // RFC 6120 §5.4.2.2: after the failure the stream is closed.
    stream.send(el('failure', NS_TLS))
    void stream.close()
    throw new XmppError('XMPP_TLS_REFUSED', 'the client asked for TLS where it was not offered')
  }
  stream.send(el('proceed', NS_TLS))
  await stream.startTls(tls)
}

/** RFC 6120 §7: the resource the client asks for, or one of ours. */
async function bind(stream: XmlStream, account: string): Promise<string> {
  for (let tries = 0; tries < 5; tries++) {
    const iq = await stream.expect(NS_CLIENT, 'iq')
    const request = iq.child('bind', NS_BIND)
    if (iq.attrs.type !== 'set' || iq.attrs.id === undefined || request === undefined) {
      // RFC 6120 §7.1: nothing is done for a client that has not bound a resource.
      throw stream.fail(new StreamError('not-authorized', 'a resource has to be bound first'))
    }
    const resource = request.childText('resource') || randomBytes(9).toString('base64url')
    const jid = prepareJid(`${account}/${resource}`)
    if (jid !== undefined) {
      const result = el('bind', NS_BIND, {}, el('jid', NS_BIND, {}, jid))
      stream.send(el('iq', NS_CLIENT, { type: 'result', id: iq.attrs.id }, result))
      return jid
    }
    stream.send(errorReply(iq, new StanzaError('modify', 'bad-request')) as Element)
  }
  throw stream.fail(new StreamError('policy-violation', 'too many attempts to bind a resource'))
}
