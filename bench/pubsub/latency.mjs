import { open, rm } from 'node:fs/promises'
import { median, percentile } from '../lib/measure.mjs'
import { payloads } from './payloads.mjs'
import { DOMAIN, serve } from './services.mjs'
import { nodeName, PUBLISHER } from './stored.mjs'
import { asking } from './wire.mjs'

/** From a publication on its way to its answer, beside all the nodes that are stored. So many publish at one time, each to a node of its own. */
export async function latency({ sink, stored, profile }, { durable, publishers, publications }) {
  const { service, wire } = await serve(sink, { directory: stored(), durable, profile })
  const times = []
  const publish = async (at, n) => {
    const began = performance.now()
    const node = nodeName(at * 100)
    await wire.ask(PUBLISHER, DOMAIN, asking.publish(node, node, payloads.state(n)))
    times.push(performance.now() - began)
  }
  const work = async total => {
    let left = total
    const worker = async (_, at) => {
      while (left-- > 0) await publish(at, left)
    }
    await Promise.all(Array.from({ length: publishers }, worker))
  }
  await work(publications / 5)
  times.length = 0
  const began = performance.now()
  await work(publications)
  const perSecond = publications / ((performance.now() - began) / 1e3)
  await service.stop()
  return { perSecond, medianMs: median(times), p99Ms: percentile(times, 0.99), longestMs: percentile(times, 1) }
}

/** What the disk takes for as many bytes as a publication, each synced before the next. */
export async function disk({ fresh }, { publications }) {
  const path = fresh()
  const file = await open(path, 'wx')
  const bytes = Buffer.alloc(250, 'a')
  const times = []
  for (let n = 0; n < publications; n++) {
    const began = performance.now()
    await file.write(bytes, 0, bytes.length, n * bytes.length)
    await file.datasync()
    times.push(performance.now() - began)
  }
  await file.close()
  await rm(path)
  return { medianMs: median(times), p99Ms: percentile(times, 0.99) }
}
