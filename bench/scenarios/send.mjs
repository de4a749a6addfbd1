import { timed } from '../lib/measure.mjs'

/** As many as wait at one time in a burst. */
const IN_FLIGHT = 100

const body = n => `Hello number ${n}, the quick brown fox jumps over the lazy dog & runs.`

/** Messages awaited one after the other, or in bursts; it is over when the server has counted them. */
export async function run({ open, share }, { count: all, mode }) {
  const count = share(all)
  const connection = await open(1)
  const send = n => connection.send('user@localhost', body(n))

  async function awaited(messages) {
    for (let n = 0; n < messages; n++) await send(n)
  }

  async function bursts(messages) {
    for (let n = 0; n < messages; ) {
      const sent = []
      for (const end = Math.min(messages, n + IN_FLIGHT); n < end; n++) sent.push(send(n))
      await Promise.all(sent)
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  const work = mode === 'awaited' ? awaited : bursts
  await work(5000)
  const before = Number(await connection.ask('mark'))
  let after = 0
  const { wall, cpu } = await timed(async () => {
    await work(count)
    after = Number(await connection.ask('mark'))
  })
  // The question itself is a message too.
  if (after - before !== count + 1) throw new Error(`the server has counted ${after - before - 1} of ${count}`)
  return { perCpuSecond: count / cpu, perSecond: count / wall }
}
