import { median, timed } from '../lib/measure.mjs'

/** What the server's proxies make of a round trip, in ms. */
const roundTrip = { far: 50, farther: 200 }

/** The way to a session with everything a network needs: what was agreed on, and what it takes. */
export async function run({ open }, { offer, count }) {
  let number = 0
  const connect = async via => {
    let connection
    const times = await timed(async () => {
      connection = await open(++number, { offer, via })
    })
    const how = await connection.ask('how')
    await connection.close()
    return { ...times, how }
  }
  const several = async (times, via) => {
    const all = []
    for (let n = 0; n < times; n++) all.push(await connect(via))
    return all
  }
  // A disturbance can only make it longer.
  const shortest = all => Math.min(...all.map(({ wall }) => wall * 1e3))

  // What is loaded and compiled when it is first needed would look like a round trip.
  await several(3, 'near')
  const near = await several(count, 'near')
  // Some take hundreds of ms of CPU time to derive a key, more or less. Only longer round trips stand out against that.
  const via = shortest(near) < roundTrip.far / 2 ? 'far' : 'farther'
  const far = await several(3, via)
  const extra = shortest(far) - shortest(near)
  return {
    how: far[0].how,
    // A proxy cannot delay TCP's own handshake.
    roundTrips: 1 + Math.round(extra / roundTrip[via]),
    exactly: 1 + extra / roundTrip[via],
    nearMs: shortest(near),
    cpuMs: median(near.map(({ cpu }) => cpu * 1e3)),
  }
}
