/** XEP-0077 In-Band Registration, version 2.4: with an entity one has logged in elsewhere to use, such as a gateway (XEP-0100, version 1.0). */
import { StanzaError, warn } from '../errors.ts'
import { bareJid } from '../jid.ts'
import { on, type Xep } from '../routes.ts'
import type { Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'

export const NS_REGISTER = 'jabber:iq:register'

/** What a registration may ask for (its schema names these and no others). */
export type RegistrationField =
  | 'username'
  | 'nick'
  | 'password'
  | 'name'
  | 'first'
  | 'last'
  | 'email'
  | 'address'
  | 'city'
  | 'state'
  | 'zip'
  | 'phone'
  | 'url'
  | 'date'
  | 'misc'
  | 'text'

/** Someone registers, or no longer wants to be registered. */
export interface Registration {
  /** Who: a prepared bare JID. */
  readonly jid: string
  /** Where: the bare JID or domain of ours that was asked. */
  readonly address: string
  /** What was filled in of the fields asked for; nothing when someone leaves. */
  readonly fields: Readonly<Partial<Record<RegistrationField, string>>>
  readonly session: Session
}

/** Who may register, and what becomes of it. */
export interface RegisterOptions {
  /** Whether someone may, by prepared bare JID; the others get `not-acceptable`. */
  readonly allowed: (jid: string) => boolean
  /** For people. */
  readonly instructions: string
  /** All of which have to be filled in. Default none. */
  readonly fields?: readonly RegistrationField[]
  /** Whether someone is registered at an address already, prepared bare JIDs; who is not cannot leave. Default undefined, for everyone: that is not known. */
  readonly registered?: (jid: string, address: string) => boolean | undefined
  /** Before the answer; a StanzaError thrown refuses. */
  readonly onRegister?: (registration: Registration) => Promise<void> | void
  /** Before the answer. */
  readonly onRemove?: (registration: Registration) => Promise<void> | void
  /**
   * Whoever has registered is asked for presence, and sees ours no more after leaving, as a gateway does it (XEP-0100 §4.1, §4.3).
   * Default true.
   */
  readonly presence?: boolean
}

/** Lets others register with a component, at each address where it is. Not for a client, whose server answers for it. */
export function register(options: RegisterOptions): Xep {
  return {
    name: 'XEP-0077',
    features: [NS_REGISTER],
    routes: [
      on('iq-get', NS_REGISTER, 'query', (stanza, session) => form(options, asked(options, stanza, session))),
      on('iq-set', NS_REGISTER, 'query', (stanza, session) => submit(options, stanza, session)),
    ],
  }
}

/** @throws StanzaError for whoever may not */
function asked({ allowed }: RegisterOptions, stanza: Element, session: Session): { jid: string; address: string } {
  const [sender, address] = [session.sender(stanza), session.recipient(stanza)]
  if (sender === undefined || address === undefined) throw new StanzaError('modify', 'jid-malformed')
  const jid = bareJid(sender)
  if (!allowed(jid)) throw new StanzaError('modify', 'not-acceptable', 'registration is for those who are known here')
  return { jid, address: bareJid(address) }
}

/** What there is to fill in (§3.1). What has been is nobody's business, not even theirs who did: it may be a password. */
function form(
  { instructions, fields = [], registered }: RegisterOptions,
  { jid, address }: { jid: string; address: string },
): Element {
  const known = registered?.(jid, address) ? [el('registered', NS_REGISTER)] : []
  const empty = fields.map(field => el(field, NS_REGISTER))
  return el('query', NS_REGISTER, {}, ...known, el('instructions', NS_REGISTER, {}, instructions), ...empty)
}

async function submit(options: RegisterOptions, stanza: Element, session: Session): Promise<void> {
  const who = asked(options, stanza, session)
  const query = stanza.elements[0] as Element
  if (query.child('remove', NS_REGISTER) === undefined) {
    await options.onRegister?.({ ...who, session, fields: filled(query, options.fields ?? []) })
    if (options.presence !== false) later(session, who, ['subscribe'])
    return
  }
  // §3.2: it stands alone, so that nobody leaves by a form filled in wrong.
  if (query.elements.length > 1) throw new StanzaError('modify', 'bad-request')
  if (options.registered?.(who.jid, who.address) === false) throw new StanzaError('auth', 'registration-required')
  await options.onRemove?.({ ...who, session, fields: {} })
  if (options.presence !== false) later(session, who, ['unsubscribe', 'unsubscribed', 'unavailable'])
}

/** @throws StanzaError when something is missing (§3.1.1) */
function filled(query: Element, fields: readonly RegistrationField[]): Partial<Record<RegistrationField, string>> {
  const found: Partial<Record<RegistrationField, string>> = {}
  for (const field of fields) {
    const text = query.childText(field)
    if (!text) throw new StanzaError('modify', 'not-acceptable', `${field} is missing`)
    found[field] = text
  }
  return found
}

/** The presence comes behind the answer: a client that has not heard of its success takes a request for that of a stranger. */
function later(session: Session, { jid, address }: { jid: string; address: string }, types: readonly string[]): void {
  setImmediate(() => {
    try {
      for (const type of types) session.send(session.stanza('presence', { type, from: address, to: jid }))
    } catch (error) {
      // A stream that is over has no room for it, and needs none.
      if (session.writable) warn(error)
    }
  })
}
