/** XEP-0078 Non-SASL Authentication, version 2.5: how one logged in before SASL, and still does where there is none. */
import { nodeCrypto } from '../builtin.ts'
import { SaslError, StanzaError, XmppError } from '../errors.ts'
import { type Hide, hiding } from '../secret-forms.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import { askToManage, type Beginning, rosterVersioning, startSession } from './bind.ts'
import { hideInError, lookedThrough } from './echo.ts'
import type { ClientNegotiation } from './options.ts'
import { answerTo, ask } from './request.ts'

export const NS_IQ_AUTH = 'jabber:iq:auth'
export const NS_IQ_AUTH_FEATURE = 'http://jabber.org/features/iq-auth'

/**
 * Asks which fields the server wants, and logs in with the digest of stream id and password; with the password itself only where nobody
 * can listen. The server takes the resource we name.
 * @param features undefined when the server has announced none
 * @throws SaslError, in the conditions of SASL; XmppError `XMPP_BIND_FAILED` when the resource is taken
 */
export async function loginByIq(
  stream: XmlStream,
  streamId: string,
  features: Element | undefined,
  options: ClientNegotiation,
): Promise<Beginning> {
  const { onProgress, onStep } = options
  onProgress?.('Authenticating')
  onStep?.('authentication')
  const { username, password } = await options.credentials(undefined, 'password')
  if (password === undefined) throw new SaslError('invalid-mechanism', 'XEP-0078 needs a password')
  const hide = hiding([password], [digest(streamId, password)])
  const login = converse({ username, password }, stream, streamId, features, options, hide)
  return login.catch(error => Promise.reject(hideInError(error, hide)))
}

async function converse(
  { username, password }: { readonly username: string; readonly password: string },
  stream: XmlStream,
  streamId: string,
  features: Element | undefined,
  options: ClientNegotiation,
  hide: Hide,
): Promise<Beginning> {
  const { domain, resource = options.resourceTag ?? 'res-xmpp' } = options
  const user = field('username', username)
  ask(stream, 'get', 'fields', el('query', NS_IQ_AUTH, {}, user), domain)
  const query = await result(stream, 'fields', hide)
  const proof = proofOf(query.child('query', NS_IQ_AUTH), streamId, password, stream, options, hide)
  ask(stream, 'set', 'login', el('query', NS_IQ_AUTH, {}, user, proof, field('resource', resource)), domain)
  const answer = await result(stream, 'login', hide)
  // COMPAT Prosody: what it does not take it answers with the fields it wants, as if it had been asked for them.
  if (answer.child('query', NS_IQ_AUTH)?.elements.length) {
    throw new SaslError('invalid-mechanism', 'the server does not take what it was sent, and asks for the fields again')
  }
  if (features === undefined) return { jid: `${username}@${domain}/${resource}` }
  await startSession(stream, features)
  const jid = `${username}@${domain}/${resource}`
  return { jid, ...rosterVersioning(features), ...askToManage(stream, features, options) }
}

function proofOf(
  fields: Element | undefined,
  streamId: string,
  password: string,
  stream: XmlStream,
  { tls }: ClientNegotiation,
  hide: Hide,
): Element {
  const wants = (name: string): boolean => fields?.child(name) !== undefined
  // §3.1 calls it a digest of the id, which must be unguessable: without one it would be the same each time.
  if (wants('digest') && streamId !== '') return field('digest', digest(streamId, password))
  if (!wants('password')) {
    const theirs = hide(fields?.elements.map(({ name }) => name).join(' ') ?? '').slice(0, 200)
    throw new SaslError(
      'invalid-mechanism',
      `the server wants neither digest nor password, but: ${theirs || 'nothing'}`,
    )
  }
  if (stream.transport.tls !== undefined) return field('password', password)
  const advice = tls === 'never' ? 'and XEP-0078 sends it under TLS only' : 'which needs TLS'
  throw new SaslError('encryption-required', `the server wants the password itself, ${advice}`)
}

/** Lower-case hexadecimal SHA-1 of stream id and password (XEP-0078 §3.1). */
function digest(streamId: string, password: string): string {
  return nodeCrypto()
    .createHash('sha1')
    .update(streamId + password)
    .digest('hex')
}

function field(name: string, value: string): Element {
  return el(name, NS_IQ_AUTH, {}, value)
}

async function result(stream: XmlStream, id: string, hide: Hide): Promise<Element> {
  try {
    return await answerTo(stream, id, 'query')
  } catch (error) {
    throw error instanceof StanzaError ? lookedThrough(refusal(hideInError(error, hide))) : error
  }
}

/** §3.3: the conditions, or from older servers only the numbers that came before them (XEP-0086). */
function refusal(error: StanzaError): XmppError {
  const { element, text } = error
  const code = element?.attrs.code
  const byCode = code === undefined || !Object.hasOwn(codes, code) ? undefined : codes[code]
  const condition = error.condition === 'undefined-condition' && byCode !== undefined ? byCode : error.condition
  const says = text === '' ? '' : `; the server says: ${text}`
  switch (condition) {
    case 'conflict':
      return new XmppError('XMPP_BIND_FAILED', `the resource is in use already${says}`, { condition, cause: error })
    case 'not-acceptable':
      return new SaslError('malformed-request', `the server misses something in the login${says}`, { cause: error })
    case 'service-unavailable':
    case 'feature-not-implemented':
      return new SaslError('invalid-mechanism', `the server does no XEP-0078: usesasl=yes${says}`, { cause: error })
    default:
      return new SaslError('not-authorized', `the server does not accept this user name and password${says}`, {
        cause: error,
      })
  }
}

const codes: Readonly<Record<string, string>> = {
  401: 'not-authorized',
  406: 'not-acceptable',
  409: 'conflict',
  501: 'feature-not-implemented',
  503: 'service-unavailable',
}
