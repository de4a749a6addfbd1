/** What ends by itself: items (§16.4.3, `item_expire`), and subscriptions whose time is over (§12.19). */
import type { Node, Subscription } from './node.ts'
import { notifyOwners, notifySubscriber, type Telling } from './notifications.ts'

/** Ends what should have ended at a node. */
export function settle(telling: Telling, node: Node): void {
  const { service } = telling
  if (service.expiring.has(node)) endItems(telling, node)
  if (service.leased.has(node)) endLeases(telling, node)
}

/** The same at all nodes. */
export function settleAll(telling: Telling): void {
  const { expiring, leased } = telling.service
  for (const node of new Set([...expiring, ...leased.keys()])) settle(telling, node)
}

/** Nobody is told: who cares when an item ends can read so in the configuration. */
function endItems({ service }: Telling, node: Node): void {
  const { item_expire: seconds } = node.config
  if (seconds === 'max') return
  const ids = node.publishedUntil(service.clock.now() - seconds * 1000)
  if (ids.length > 0) service.do({ op: 'retract', node: node.name, ids })
}

function endLeases(telling: Telling, node: Node): void {
  const { service } = telling
  const now = service.clock.now()
  if ((service.leased.get(node) ?? 0) > now) return
  let next = Number.POSITIVE_INFINITY
  for (const subscription of [...node.subscribers].flat()) {
    const { expire } = subscription.options
    if (typeof expire !== 'number') continue
    if (expire > now) next = Math.min(next, expire)
    else endSubscription(telling, node, subscription)
  }
  if (next === Number.POSITIVE_INFINITY) service.leased.delete(node)
  else service.leased.set(node, next)
}

/** Ends a subscription that nobody has asked to end, and tells who had it. */
export function endSubscription(telling: Telling, node: Node, subscription: Subscription): void {
  dropSubscription(telling, node, subscription)
  notifySubscriber(telling, node, subscription)
}

/** The same where whoever had it hears nothing more. */
export function dropSubscription(telling: Telling, node: Node, subscription: Subscription): void {
  const { jid, subid } = subscription
  telling.service.do({ op: 'unsubscribe', node: node.name, jid, subid })
  notifyOwners(telling, node, subscription, 'none')
}
