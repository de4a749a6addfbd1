/** XEP-0060: what all requests to a PubSub service have in common. */
import { bareJid, prepareJid } from '../jid.ts'
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { type DataForm, formElement, NS_DATA, readForm } from './0004-data-forms.ts'
import { NS_PUBSUB, NS_PUBSUB_OWNER } from './0060-pubsub.ts'

/** What is asked: the children of the `<pubsub/>`, in the namespace it shall have. */
export interface PubsubRequest {
  readonly type: 'get' | 'set'
  /** Default that of everyone; owners have one of their own (§8). */
  readonly ns?: string
  readonly children: readonly Element[]
}

/** Asks, and resolves with the `<pubsub/>` of the answer; undefined where it is empty. @throws what {@link Session.iq} throws */
export async function askPubsub(
  session: Session,
  service: string | undefined,
  { type, ns = NS_PUBSUB, children }: PubsubRequest,
  options: IqOptions,
): Promise<Element | undefined> {
  const result = await session.iq(type, service, el('pubsub', ns, {}, ...children), options)
  return result.child('pubsub', ns)
}

/** Asks as an owner. */
export function askOwner(
  session: Session,
  service: string | undefined,
  type: PubsubRequest['type'],
  child: Element,
  options: IqOptions,
): Promise<Element | undefined> {
  return askPubsub(session, service, { type, ns: NS_PUBSUB_OWNER, children: [child] }, options)
}

/** The children of that name in its own namespace; none of what is not there. */
export function childrenNamed(parent: Element | undefined, name: string): Element[] {
  return parent?.elements.filter(child => child.is(name, parent.ns)) ?? []
}

/** The form in an element. */
export function formIn(parent: Element | undefined): DataForm | undefined {
  const x = parent?.child('x', NS_DATA)
  return x && readForm(x)
}

/** An element with a form in it. */
export function withForm(name: string, ns: string, attrs: Record<string, string | undefined>, form: DataForm): Element {
  return el(name, ns, attrs, formElement(form))
}

/** An attribute that is empty is none. */
export function attribute(element: Element, name: string): string | undefined {
  return element.attrs[name] || undefined
}

/** The prepared JID in an attribute; undefined for what is none. */
export function jidOf(element: Element, name = 'jid'): string | undefined {
  return prepareJid(element.attrs[name] ?? '')
}

/** Who asks, by the bare JID: the account of a client, the domain of a component or whichever of its addresses it asks as. */
export function ownBareJid(session: Session, { from }: IqOptions): string {
  return bareJid(prepareJid(from ?? '') ?? session.jid)
}
