import { settle, timed } from '../lib/measure.mjs'

/** The server sends as fast as the peer reads; whoever listens sees `from` and body of each message. */
export async function run({ peer, open, share }, { count: all, kind }) {
  const count = share(all)
  const connection = await open(1)
  await connection.hear(6400, kind)
  await settle()
  const before = process.memoryUsage()
  const { wall, cpu } = await timed(() => connection.hear(count, kind))
  const { rss } = process.memoryUsage()
  check(peer, connection, kind)
  await settle()
  const kept = process.memoryUsage().heapUsed - before.heapUsed
  return { perCpuSecond: count / cpu, perSecond: count / wall, rssMB: rss / 2 ** 20, keptKB: kept / 1024 }
}

/** Nobody is quick by not doing the work; the floor does none of it. */
function check(peer, { from, body }, kind) {
  if (peer.name === 'raw socket') return
  const right =
    kind === 'pubsub'
      ? from === 'pubsub.example.com' && !body
      : /^user\d+@example\.com\/phone\.3fA9$/.test(from) && /^Hello number \d+, .* & runs\.$/.test(body)
  if (!right) throw new Error(`${peer.name} saw ${JSON.stringify({ from, body })}`)
}
