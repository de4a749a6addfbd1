import { payloads } from './payloads.mjs'
import { DOMAIN, serve } from './services.mjs'
import { asking } from './wire.mjs'

export const PUBLISHER = 'pbx@example.org'
export const nodeName = at => `device/${at}`

/** Fills a directory: nodes with an item each, and two subscriptions. It is left as a service leaves it that ends. */
export async function fill(sink, directory, nodes) {
  const { service, wire } = await serve(sink, { directory, durable: true })
  const all = Array.from({ length: nodes }, (_, at) => nodeName(at))
  const askAll = (from, contents) => wire.askAll(from, DOMAIN, contents)
  await askAll(
    PUBLISHER,
    all.map(node => asking.create(node)),
  )
  for (const jid of ['east@example.org', 'west@example.org']) {
    await askAll(
      jid,
      all.map(node => asking.subscribe(node, jid)),
    )
  }
  await askAll(
    PUBLISHER,
    all.map((node, at) => asking.publish(node, node, payloads.state(at))),
  )
  await wire.heard(2 * nodes)
  await service.stop()
}

/** From nothing to the first answer. */
export async function starting({ sink, stored, profile }, { nodes }) {
  const directory = stored()
  const began = performance.now()
  const { service, wire } = await serve(sink, { directory, durable: true, profile })
  await wire.ask('east@example.org', DOMAIN, asking.items(nodeName(nodes - 1)), 'get')
  const coldMs = performance.now() - began
  const { openMs, bytes, entries, counts } = service
  if (counts.nodes !== nodes || counts.subscriptions !== 2 * nodes || counts.items !== nodes) {
    throw new Error(`what has been read is ${JSON.stringify(counts)}`)
  }
  await service.stop()
  return { openMs, coldMs, bytes, entries }
}
