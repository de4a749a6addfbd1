/** SASL as RFC 6120 §6 has it, and what it shares with XEP-0388. */
import { isUtf8 } from 'node:buffer'
import { SaslError, StreamError, XmppError } from '../errors.ts'
import { type BindingFacts, type BindingPolicy, type Decision, decideBinding } from '../sasl/channel-binding.ts'
import {
  type Credentials,
  type Mechanism,
  type Proof,
  refused,
  type SaslContext,
  selectMechanism,
} from '../sasl/mechanism.ts'
import { type Hide, hiding } from '../secret-forms.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import { hideInError } from './echo.ts'
import type { ClientNegotiation } from './options.ts'
import { NS_SASL, readFailure } from './sasl-failure.ts'

export { NS_SASL } from './sasl-failure.ts'

export const NS_SASL2 = 'urn:xmpp:sasl:2'
export const NS_CHANNEL_BINDING = 'urn:xmpp:sasl-cb:0'

/** How a dialogue is wrapped in XML: in RFC 6120's way or XEP-0388's. */
export interface SaslProfile {
  readonly ns: string
  /** Names of what may come beside challenge, success and failure; it ends the login. */
  readonly others: readonly string[]
  /** The first element. @param initial base64; undefined when the server speaks first */
  begin(mechanism: Mechanism, initial: string | undefined): Element
  /** The base64 that came with success; '' for none. */
  dataOf(success: Element): string
  /** Called when all has been said that leads to success. */
  readonly allSaid?: (() => void) | undefined
}

/** A login that has succeeded. */
export interface Authenticated {
  readonly mechanism: string
  readonly binding: string | undefined
  readonly unbound: string | undefined
  readonly success: Element
}

const classic: SaslProfile = {
  ns: NS_SASL,
  others: [],
  begin: ({ name, attrs }, initial) =>
    el('auth', NS_SASL, { mechanism: name, ...attrs }, ...(initial === undefined ? [] : [initial])),
  dataOf: success => success.text,
}

/** Logs in by what `<mechanisms/>` offers. */
export function authenticate(stream: XmlStream, features: Element, options: ClientNegotiation): Promise<Authenticated> {
  return authenticateBy(classic, classicOffer(features), stream, features, options)
}

/**
 * Chooses a mechanism of those offered and holds its dialogue. A token that is refused is asked for anew, once: it may have been revoked
 * since it was issued.
 * @throws SaslError; what the source of credentials throws
 */
export async function authenticateBy(
  profile: SaslProfile,
  offered: readonly string[],
  stream: XmlStream,
  features: Element,
  options: ClientNegotiation,
): Promise<Authenticated> {
  const { mechanism, context, binding, unbound } = choose(offered, stream, features, options)
  options.onProgress?.('Authenticating')
  options.onStep?.('authentication')
  let shown: Credentials | undefined
  const attempt = async (refused?: Credentials): Promise<Element> => {
    const credentials = async (): Promise<Credentials> => {
      shown ??= await options.credentials(refused, mechanism.needs)
      return shown
    }
    const said: string[] = []
    const hide: Hide = text => {
      // What proves a password in its place may be what it can be guessed from.
      const proofs = proving.has(mechanism.needs) ? said.flatMap(text => [text, encode(text)]) : []
      return hiding([...secretsOf(refused), ...secretsOf(shown)], proofs)(text)
    }
    const login = converse(profile, mechanism, { ...context, credentials }, stream, hide, said)
    return login.catch(error => Promise.reject(hideInError(error, hide)))
  }
  const success = await attempt().catch(async error => {
    if (mechanism.needs !== 'token' || !(error instanceof SaslError) || !stale.has(error.condition)) throw error
    const old = shown
    shown = await options.credentials(old, mechanism.needs)
    if (shown.token === old?.token || !stream.writable) throw error
    // A server that allows no second try says nothing new of the first. COMPAT Prosody: so it is with XEP-0388 there.
    return attempt(old).catch(second => Promise.reject(isRefusal(second) ? error : second))
  })
  return { mechanism: mechanism.name, binding, unbound, success }
}

function secretsOf({ password, token }: Partial<Credentials> = {}): (string | undefined)[] {
  return [password, token]
}

/** The server has refused a login, or hung up instead. */
function isRefusal(error: unknown): boolean {
  if (error instanceof SaslError || error instanceof StreamError) return true
  return error instanceof XmppError && (error.code === 'XMPP_STREAM_ENDED' || error.code === 'XMPP_CONNECTION_LOST')
}

const proving = new Set<Proof>(['password', 'token'])

/** What a server says of a token that is no good any more. */
const stale = new Set(['not-authorized', 'credentials-expired'])

interface Choice {
  readonly mechanism: Mechanism
  readonly context: Omit<SaslContext, 'credentials'>
  readonly binding: string | undefined
  readonly unbound: string | undefined
}

function choose(
  offered: readonly string[],
  stream: XmlStream,
  features: Element,
  { domain, mechanisms, channelBinding = 'auto', proofs = passwordOnly, tls: wanted }: ClientNegotiation,
): Choice {
  const { tls } = stream.transport
  const encrypted = tls !== undefined
  if (offered.length === 0 && !encrypted) {
    throw new SaslError('encryption-required', 'the server offers no login without TLS')
  }
  const types = features
    .child('sasl-channel-binding', NS_CHANNEL_BINDING)
    ?.elements.map(({ attrs }) => attrs.type ?? '')
  // A server may have two lists, and is not to be told that it offers no -PLUS because one of them has none.
  const all = [...offered, ...classicOffer(features), ...sasl2Offer(features)]
  const decision = bindingFor(channelBinding, {
    bindings: tls?.bindings() ?? new Map(),
    version: tls?.version,
    offered: all,
    types,
  })
  const { binding, couldBind, notice } = decision
  const plaintext = encrypted || wanted === 'never'
  const bindable = channelBinding === 'required' ? channelBinding : binding !== undefined
  const certified = mechanisms.find(
    ({ name, needs }) => needs === 'certificate' && proofs.has(needs) && offered.includes(name),
  )
  if (decision.error !== undefined && certified === undefined) throw decision.error
  const mechanism =
    decision.error === undefined
      ? selectMechanism(mechanisms, offered, { encrypted, plaintext, proofs, binding: bindable })
      : (certified as Mechanism)
  const bound = mechanism.binds ? binding : undefined
  const excluded = binding !== undefined && bound === undefined ? leftOut : undefined
  return {
    mechanism,
    context: { domain, binding: bound, couldBind: bound === undefined && couldBind },
    binding: bound?.type,
    unbound: mechanism.needs === 'password' ? (notice ?? excluded) : undefined,
  }
}

const passwordOnly = new Set(['password' as const])
const leftOut =
  'logging in without channel binding, though the server offers it: no mechanism that does it is to be used'

/** Where binding is required and cannot be, a certificate still does: TLS itself binds that to its channel. */
function bindingFor(
  policy: BindingPolicy,
  facts: Omit<BindingFacts, 'policy'>,
): Decision & { readonly error?: unknown } {
  try {
    return decideBinding({ policy, ...facts })
  } catch (error) {
    return { binding: undefined, couldBind: false, notice: undefined, error }
  }
}

/** The mechanism that would be chosen if the server's two lists were one; undefined when there is none. */
export function strongest(stream: XmlStream, features: Element, options: ClientNegotiation): string | undefined {
  try {
    return choose([...classicOffer(features), ...sasl2Offer(features)], stream, features, options).mechanism.name
  } catch {
    return undefined
  }
}

function classicOffer(features: Element): string[] {
  return features.child('mechanisms', NS_SASL)?.elements.map(child => child.text) ?? []
}

/** The mechanisms of XEP-0388's list. */
export function sasl2Offer(features: Element): string[] {
  const authentication = features.child('authentication', NS_SASL2)
  return authentication?.elements.filter(child => child.is('mechanism', NS_SASL2)).map(child => child.text) ?? []
}

/** @param said is given what we say */
async function converse(
  profile: SaslProfile,
  mechanism: Mechanism,
  context: SaslContext,
  stream: XmlStream,
  hide: Hide,
  said: string[],
): Promise<Element> {
  const { ns } = profile
  const dialogue = mechanism.start(context)
  let turn = await dialogue.next()
  stream.send(profile.begin(mechanism, turn.value === undefined ? undefined : encode(turn.value)))
  said.push(turn.value ?? '')
  if (mechanism.turns === said.length) profile.allSaid?.()
  for (;;) {
    const reply = await stream.expect(ns, 'challenge', 'success', 'failure', ...profile.others)
    if (reply.name === 'failure') return await refused(dialogue, readFailure(reply, hide))
    if (reply.name === 'success') {
      // Additional data may come with success (RFC 6120 §6.3.10). It counts only when the mechanism has seen all it wants.
      const data = profile.dataOf(reply)
      if (!turn.done && data !== '') turn = await dialogue.next(decode(profile, stream, data))
      if (!turn.done && !(await dialogue.next('')).done) throw new SaslError('aborted', 'success came too early')
      return reply
    }
    if (reply.name !== 'challenge') {
      stream.send(el('abort', ns))
      throw new SaslError('aborted', `the server asks for more than a login: <${reply.name}/>, which is not done here`)
    }
    if (turn.done) throw new SaslError('aborted', `${mechanism.name} is done, but the server goes on asking`)
    turn = await answer(profile, stream, dialogue, decode(profile, stream, reply.text))
    stream.send(el('response', ns, {}, ...(turn.value ? [encode(turn.value)] : [])))
    said.push(turn.value ?? '')
    if (mechanism.turns === said.length) profile.allSaid?.()
  }
}

/** A challenge we refuse is answered with `<abort/>` (RFC 6120 §6.4.4). */
async function answer(
  { ns }: SaslProfile,
  stream: XmlStream,
  dialogue: AsyncGenerator<string | undefined, void, string>,
  challenge: string,
): Promise<IteratorResult<string | undefined, void>> {
  try {
    return await dialogue.next(challenge)
  } catch (error) {
    stream.send(el('abort', ns))
    throw error
  }
}

/** RFC 6120 §6.4.2: what is there but empty is a single equals sign. */
const encode = (text: string): string => Buffer.from(text).toString('base64') || '='

function decode({ ns }: SaslProfile, stream: XmlStream, base64: string): string {
  if (base64 === '' || base64 === '=') return ''
  const bytes = Buffer.from(base64, 'base64')
  // Buffer skips what is not base64; the comparison does not (RFC 6120 §13.9.1).
  if (bytes.toString('base64') === base64 && isUtf8(bytes)) return bytes.toString()
  stream.send(el('abort', ns))
  throw new SaslError('incorrect-encoding', 'the server sent something that is not base64 of UTF-8')
}
