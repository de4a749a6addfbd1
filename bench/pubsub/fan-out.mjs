import { payloads } from './payloads.mjs'
import { DOMAIN, serve } from './services.mjs'
import { asking } from './wire.mjs'

export const SUBSCRIBERS = 1000
const PUBLISHER = 'pbx@example.org'
/** Publications of which not all subscribers have been told yet. */
const UNDER_WAY = 4

/** Publications to a node that has {@link SUBSCRIBERS}, or to one in a collection that has them. */
export async function fanOut({ sink, fresh, profile }, { through, payload, publications }) {
  const { service, wire } = await serve(sink, { directory: fresh(), durable: true, profile })
  const ask = (from, content) => wire.ask(from, DOMAIN, content)
  const collected = through === 'collection'
  if (collected) await ask(PUBLISHER, asking.create('all', { 'pubsub#node_type': 'collection' }))
  await ask(PUBLISHER, asking.create('one', collected ? { 'pubsub#collection': 'all' } : {}))
  const deep = { 'pubsub#subscription_type': 'items', 'pubsub#subscription_depth': 'all' }
  for (let at = 0; at < SUBSCRIBERS; at++) {
    const jid = `pbx${at}@example.org`
    await ask(jid, collected ? asking.subscribe('all', jid, deep) : asking.subscribe('one', jid))
  }
  const publish = n => ask(PUBLISHER, asking.publish('one', 'SIP/100', payloads[payload](n)))
  const numbers = await publishing({ wire, publish, publications, cpu: service.cpu })
  await service.stop()
  return numbers
}

/**
 * Publishes to a node with {@link SUBSCRIBERS}, some to warm up and some that count.
 * @param cpu seconds of CPU time so far
 */
export async function publishing({ wire, publish, publications, cpu }) {
  const told = wire.messages
  let published = 0
  let fail = () => {}
  const failed = new Promise((_, reject) => {
    fail = reject
  })
  const heard = publications => Promise.race([wire.heard(told + publications * SUBSCRIBERS), failed])
  const round = async count => {
    for (const end = published + count; published < end; published++) {
      await heard(published - UNDER_WAY)
      publish(published).catch(fail)
    }
    await heard(published)
  }
  await round(Math.ceil(publications / 5))
  const before = await cpu()
  const began = performance.now()
  await round(publications)
  const wall = (performance.now() - began) / 1e3
  const spent = (await cpu()) - before
  const surplus = wire.messages - told - published * SUBSCRIBERS
  if (surplus !== 0) throw new Error(`${surplus} messages too many`)
  const notifications = publications * SUBSCRIBERS
  return {
    perCpuSecond: notifications / spent,
    perSecond: notifications / wall,
    microseconds: (spent / notifications) * 1e6,
  }
}
