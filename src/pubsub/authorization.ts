/** XEP-0060 §8.6, §8.7: those who wait for an owner to let them subscribe. */
import type { StanzaError } from '../errors.ts'
import { bareJid, prepareJid } from '../jid.ts'
import { type Element, el } from '../stream/element.ts'
import { formElement, formTypeOf, NS_DATA, readForm, typedForm } from '../xep/0004-data-forms.ts'
import { authorizationForm, readValues } from '../xep/0060-forms.ts'
import { GET_PENDING, NS_COMMANDS } from '../xep/0060-pending.ts'
import { badRequest, forbidden, notFound } from './errors.ts'
import { endSubscription, settle } from './expiry.ts'
import { shownForm } from './forms.ts'
import type { Node, Subscription } from './node.ts'
import { notifyOwners, notifySubscriber, send, sendLast, type Telling } from './notifications.ts'
import type { Command } from './request.ts'

/** Asks the owners of a node whether somebody may subscribe to it. */
export function askOwners(telling: Telling, node: Node, subscription: Subscription): void {
  const { service } = telling
  const key = JSON.stringify([node.name, node.created, subscription.jid])
  if (service.asked.was(key, service.clock.now())) return
  for (const [jid, affiliation] of node.affiliations) if (affiliation === 'owner') ask(telling, node, subscription, jid)
}

function ask(telling: Telling, node: Node, { jid, subid }: Subscription, owner: string): void {
  const values = { allow: false, node: node.name, subid, subscriber_jid: jid }
  const form = shownForm('form', authorizationForm, values)
  // Owners who are away shall find it when they come.
  send(telling, node, owner, [form], 'normal')
}

/** What an owner has decided comes as a message. Anything else is none of ours. @returns an error to send back */
export function takeDecision(telling: Telling, message: Element): StanzaError | undefined {
  const { service } = telling
  const x = message.child('x', NS_DATA)
  const { from = '' } = message.attrs
  if (x === undefined || from === '') return undefined
  const form = readForm(x)
  if ((formTypeOf(form) ?? authorizationForm.formType) !== authorizationForm.formType) return undefined
  const { allow, node: name = '', subid, subscriber_jid: text = '' } = readValues(authorizationForm, form)
  // Whoever cancels has not decided.
  if (form.type !== 'submit' || allow === undefined) return undefined
  const node = service.nodes.get(name)
  if (node === undefined) return notFound()
  if (!service.may(node, bareJid(from), 'manage')) return forbidden()
  settle(telling, node)
  const jid = prepareJid(text)
  const found = jid === undefined ? [] : node.subscriptionsAs(jid)
  const waiting = found.find(
    each => each.state === 'pending' && (subid === undefined || subid === '' || each.subid === subid),
  )
  if (waiting === undefined) return notFound()
  settlePending(telling, node, waiting, allow)
  return undefined
}

/** Lets somebody have what they wait for, or not; who does not wait is left alone. */
export function settlePending(telling: Telling, node: Node, subscription: Subscription, allow: boolean): void {
  const { jid, subid, state, options } = subscription
  if (state !== 'pending') return
  if (!allow) return endSubscription(telling, node, subscription)
  telling.service.do({ op: 'subscribe', node: node.name, jid, subid, state: 'subscribed', options })
  notifySubscriber(telling, node, subscription)
  notifyOwners(telling, node, subscription, 'subscribed')
  sendLast(telling, node, subscription)
}

/** §8.7, as a command of XEP-0050: which nodes of the sender's somebody waits at, and then who waits at one. */
export const pendingCommand: Command = request => {
  const { service, person, from, action } = request
  if (action.attrs.node !== GET_PENDING) throw notFound()
  const { action: wish = 'execute', sessionid = service.newId() } = action.attrs
  const answer = (status: string, ...inside: Element[]): Element =>
    el('command', NS_COMMANDS, { node: GET_PENDING, sessionid, status }, ...inside)
  if (wish === 'cancel') return answer('canceled')
  if (!['execute', 'next', 'complete'].includes(wish)) throw badRequest()
  const x = action.child('x', NS_DATA)
  if (x === undefined) {
    const own = [...service.nodesOf(person)].filter(node => service.may(node, person, 'manage'))
    if (own.length === 0) throw forbidden()
    return answer('executing', nodesForm(own.filter(({ pending }) => pending > 0).slice(0, service.limits.pageSize)))
  }
  const name = readForm(x).fields.find(field => field.var === 'pubsub#node')?.values[0] ?? ''
  const node = service.nodes.get(name)
  if (node === undefined) throw notFound()
  service.demand(node, person, 'manage')
  for (const subscription of [...node.subscribers].flat()) {
    if (subscription.state === 'pending') ask(request, node, subscription, from)
  }
  return answer('completed')
}

function nodesForm(nodes: readonly Node[]): Element {
  const form = formElement(typedForm('form', authorizationForm.formType, []))
  const options = nodes.map(({ name }) => el('option', NS_DATA, {}, el('value', NS_DATA, {}, name)))
  form.children.push(el('field', NS_DATA, { type: 'list-single', var: 'pubsub#node' }, ...options))
  return form
}
