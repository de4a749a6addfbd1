import type { Session } from './session.ts'
import type { Element } from './stream/element.ts'

/** What a handler returns that answers an iq by itself, now or later. */
export const answered = Symbol('answered')

/** What is to be answered: nothing is an empty result, an Element is the result's payload. */
export type Answer = Element | typeof answered | void

/**
 * Answers or takes note of a stanza. For an iq it returns an {@link Answer}, or throws a StanzaError. For messages and presence what comes back is ignored.
 */
export type Handler = (stanza: Element, session: Session) => Promise<Answer> | Answer

/** The kinds of stanzas that handlers take; answers to an iq go to whoever asked. */
export type RouteKind = 'iq-get' | 'iq-set' | 'message' | 'presence'

/** Which stanzas go to a handler: those with a child of that name and namespace, all of the kind when there is no `name`. */
export interface Route {
  readonly kind: RouteKind
  readonly ns: string
  readonly name: string
  readonly handler: Handler
}

/** What one file in `xep/` exports: data and functions, which do nothing until a Session is made with them. */
export interface Xep {
  readonly name: string
  /** What disco#info shall say because of it (XEP-0030). */
  readonly features?: readonly string[]
  readonly routes?: readonly Route[]
  /** Who disco#info says we are because of it (XEP-0030 §3.1). */
  readonly identities?: readonly Identity[]
  /** The node of disco#info that is answered as if none had been asked for (XEP-0115 §6.2), by all extensions of whoever is asked. */
  readonly infoNode?: (xeps: readonly Xep[]) => string
}

/** From the registry of service discovery identities. */
export interface Identity {
  readonly category: string
  readonly type: string
  readonly name?: string
  /** The language of the name, where the identity says so itself (`xml:lang`). */
  readonly lang?: string
}

/** A route for one payload. An iq goes to the one handler of its payload, anything else to all that match. */
export const on = (kind: RouteKind, ns: string, name: string, handler: Handler): Route => ({ kind, ns, name, handler })

/** A route for every message or every presence. */
export const onEvery = (kind: 'message' | 'presence', handler: Handler): Route => ({ kind, ns: '', name: '', handler })
