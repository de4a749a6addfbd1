import { randomBytes } from 'node:crypto'
import { StreamError, XmppError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { NS_IQ_AUTH_FEATURE } from '../negotiate/iq-auth.ts'
import { NS_CHANNEL_BINDING } from '../negotiate/sasl.ts'
import { NS_CLIENT, NS_SASL, NS_TLS } from '../negotiate.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_STREAM } from '../stream/namespaces.ts'
import type { XmlStream } from '../stream/stream.ts'
import type { TlsServerOptions } from '../stream/tls.ts'
import type { Accounts } from './accounts.ts'
import { type Beginning, begin, bindFeatures } from './begin.ts'
import { loginByIq } from './iq-auth.ts'
import { authenticate, classic, nextBeforeLogin, type ServerMechanism, usable } from './sasl-server.ts'
import { beginBySasl2, sasl2, sasl2Feature } from './sasl2.ts'
import type { Sessions } from './sessions.ts'

/** What a server lets its clients do. */
export interface ClientRules {
  readonly accounts: Accounts
  readonly tls: TlsServerOptions
  readonly starttls: 'required' | 'optional' | 'none'
  readonly mechanisms: readonly ServerMechanism[]
  readonly sasl2: boolean
  readonly iqAuth: boolean
  readonly sessions: Sessions
}

/** Who has logged in, and how. */
export interface Login extends Beginning {
  readonly mechanism: string
}

/** RFC 6120 §4.3 for the receiving side of a client's stream. */
export async function acceptClient(stream: XmlStream, rules: ClientRules): Promise<Login> {
  let opened = await openStream(stream, rules)
  let request = await offerLogin(stream, rules)

  if (request.is('starttls', NS_TLS)) {
    await startTls(stream, rules)
    opened = await openStream(stream, rules)
    request = await offerLogin(stream, rules)
  }
  const { accounts, mechanisms: known, sessions } = rules
  if (request.is('iq', NS_CLIENT) && offersIqAuth(stream, rules)) {
    const peer = await loginByIq(stream, request, { accounts, ...opened, plaintext: mayShow(stream, rules) })
    return { peer, resumed: false, mechanism: 'XEP-0078' }
  }
  const saslRules = { accounts, domain: opened.domain, known, offered: offered(stream, rules) }
  const profiles = rules.sasl2 ? [classic, sasl2] : [classic]
  const proven = await authenticate(stream, request, saslRules, profiles)
  const { account, mechanism, data } = proven
  if (proven.profile === sasl2) return { mechanism, ...(await beginBySasl2(stream, proven, sessions)) }

  stream.send(el('success', NS_SASL, {}, ...(data === undefined ? [] : [data])))
  await openStream(stream, rules)
  stream.send(el('features', NS_STREAM, {}, ...bindFeatures(sessions)))
  return { mechanism, ...(await begin(stream, account, sessions)) }
}

/** Reads the client's header, answers with ours, and returns the domain it wants and what the stream is called. */
async function openStream(stream: XmlStream, { accounts }: ClientRules): Promise<{ domain: string; streamId: string }> {
  stream.restart()
  const { header } = await stream.readHeader()
  const domain = prepareJid(header.attrs.to ?? '') ?? ''
  const known = accounts.domains.has(domain)
  const streamId = randomBytes(12).toString('base64url')
  stream.sendHeader({
    from: known ? domain : header.attrs.to,
    to: header.attrs.from,
    id: streamId,
    version: '1.0',
    'xml:lang': 'en',
  })
  if (!known) throw stream.fail(new StreamError('host-unknown'))
  if (!header.attrs.version?.startsWith('1.')) throw stream.fail(new StreamError('unsupported-version'))
  return { domain, streamId }
}

/** Says how one may go on, and returns what the client does about it. */
function offerLogin(stream: XmlStream, rules: ClientRules): Promise<Element> {
  const features: Element[] = []
  if (stream.transport.tls === undefined && rules.starttls !== 'none') {
    features.push(el('starttls', NS_TLS, {}, ...(rules.starttls === 'required' ? [el('required', NS_TLS)] : [])))
  }
  const mechanisms = offered(stream, rules)
  const names = mechanisms.map(({ name }) => name)
  if (names.length > 0) {
    features.push(el('mechanisms', NS_SASL, {}, ...names.map(name => el('mechanism', NS_SASL, {}, name))))
    if (rules.sasl2) features.push(sasl2Feature(names, rules.sessions))
  }
  if (mechanisms.some(({ needs }) => needs === 'channel')) features.push(channelBindings(stream))
  if (offersIqAuth(stream, rules)) features.push(el('auth', NS_IQ_AUTH_FEATURE))
  stream.send(el('features', NS_STREAM, {}, ...features))
  return nextBeforeLogin(stream)
}

/** XEP-0078 shows no password that has a digest, so it is offered where anything is. */
function offersIqAuth(stream: XmlStream, rules: ClientRules): boolean {
  return rules.iqAuth && (rules.starttls !== 'required' || stream.transport.tls !== undefined)
}

/** Whether a password may be shown on this stream. */
function mayShow(stream: XmlStream, { starttls }: ClientRules): boolean {
  return stream.transport.tls !== undefined || starttls === 'none'
}

/** What may be used on this stream as it is now. */
function offered(stream: XmlStream, rules: ClientRules): readonly ServerMechanism[] {
  const possible = usable(rules.mechanisms, stream.transport.tls)
  if (mayShow(stream, rules)) return possible
  return rules.starttls === 'required' ? [] : possible.filter(({ plaintext }) => !plaintext)
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
