/** XEP-0060 §8.6 and §8.7: those who ask an owner for a subscription. */
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { formElement, NS_DATA, typedForm } from './0004-data-forms.ts'
import { authorizationForm, writeForm } from './0060-forms.ts'
import { NS_PUBSUB } from './0060-pubsub.ts'
import { childrenNamed } from './0060-request.ts'

/** The words of XEP-0050 that §8.7 needs. */
export const NS_COMMANDS = 'http://jabber.org/protocol/commands'
export const GET_PENDING = `${NS_PUBSUB}#get-pending`

/** Who wants a subscription, as an event of type `authorization` tells it. */
export interface SubscriptionRequest {
  /** The service that asks, to which the answer goes. */
  readonly from: string
  readonly node: string | undefined
  /** Who wants to be told. */
  readonly jid: string
  readonly subid: string | undefined
  /** Of the message that asked, which its answer has too. */
  readonly id: string | undefined
}

/**
 * Lets somebody have a subscription, or not (§8.6). There is no answer to it; a service tells the subscriber.
 * @param options for a component: as which of its addresses
 * @returns as {@link Session.send}
 * @throws what {@link Session.send} throws
 */
export function answerSubscriptionRequest(
  session: Session,
  { from: service, node, jid, subid, id }: SubscriptionRequest,
  allow: boolean,
  { from }: Pick<IqOptions, 'from'> = {},
): Promise<void> | undefined {
  const form = writeForm(authorizationForm, { node, subid, subscriber_jid: jid, allow })
  return session.send(session.stanza('message', { to: service, from, id: id ?? session.nextId() }, formElement(form)))
}

/**
 * The nodes of ours at which somebody waits for a subscription (§8.7). The command that tells them is left again.
 * @throws what {@link Session.iq} throws; of the service (§8.7.3) `feature-not-implemented` with `unsupported`, `forbidden`; `item-not-found` where there is no such command
 */
export async function pendingNodes(
  session: Session,
  service: string | undefined,
  options: IqOptions = {},
): Promise<string[]> {
  const command = await execute(session, service, { action: 'execute' }, [], options)
  if (command?.attrs.status === 'executing') {
    const { sessionid } = command.attrs
    // Nothing depends on that: a service ends what nobody goes on with.
    await execute(session, service, { action: 'cancel', sessionid }, [], options).catch(() => {})
  }
  const field = childrenNamed(command?.child('x', NS_DATA), 'field').find(({ attrs }) => attrs.var === 'pubsub#node')
  return childrenNamed(field, 'option').flatMap(option => option.childText('value') || [])
}

/**
 * Has the service ask again for all who wait at a node: for each there comes an event of type `authorization` (§8.7).
 * @throws as {@link pendingNodes}
 */
export async function requestPending(
  session: Session,
  service: string | undefined,
  node: string,
  options: IqOptions = {},
): Promise<void> {
  const command = await execute(session, service, { action: 'execute' }, [], options)
  const form = typedForm('submit', authorizationForm.formType, [
    { var: 'pubsub#node', type: undefined, values: [node] },
  ])
  const { sessionid } = command?.attrs ?? {}
  await execute(session, service, { action: 'execute', sessionid }, [formElement(form)], options)
}

/** One step of the command. */
async function execute(
  session: Session,
  service: string | undefined,
  attrs: Record<string, string | undefined>,
  children: readonly Element[],
  options: IqOptions,
): Promise<Element | undefined> {
  const command = el('command', NS_COMMANDS, { node: GET_PENDING, ...attrs }, ...children)
  return (await session.iq('set', service, command, options)).child('command', NS_COMMANDS)
}
