import { cpSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inFolder } from '../lib/files.mjs'
import { STORED, scenarios } from './scenarios.mjs'
import { besides, obstacle, servers } from './servers.mjs'
import { killAll } from './services.mjs'
import { fill } from './stored.mjs'
import { startSink } from './wire.mjs'

/**
 * What our PubSub service takes, each scenario in a fresh process, so many times over.
 * @param options `directory` is where the stores are made, `profile` is one for CPU profiles; `only` are ids of scenarios
 * @returns samples `{ scenario, round, …numbers }`, with an `error` in place of numbers where it has failed
 */
export function measureService({ rounds, quick = false, directory = tmpdir(), profile, only }) {
  const wanted = scenarios.filter(({ id }) => only?.includes(id) !== false)
  return inFolder(directory, async folder => {
    const sink = await startSink()
    const { model, ...places } = placesIn(folder)
    if (wanted.some(({ needsStored }) => needsStored)) await fill(sink, model, STORED)
    const samples = []
    for (let round = 0; round < rounds; round++) {
      for (const { id, run, parameters, quickly } of wanted) {
        const given = { ...parameters, ...(quick && quickly) }
        const numbers = await inTime(run({ sink, ...places, profile: profiles(profile, id) }, given))
        samples.push(told({ scenario: id, round, ...numbers }, rounds))
      }
    }
    sink.stop()
    return samples
  })
}

/** The services of real servers beside ours. @returns samples as {@link measureService}, and in words why there are none of some servers */
export function compareServers({ rounds, quick = false, directory = tmpdir() }) {
  return inFolder(directory, async folder => {
    const samples = []
    const skipped = []
    for (const server of servers) {
      const { fresh } = placesIn(join(folder, server.kind))
      for (let round = 0; round < rounds; round++) {
        const why = await obstacle(server)
        if (why !== undefined) {
          skipped.push(`${server.name}: ${why}`)
          break
        }
        const numbers = await inTime(besides(server, { directory: fresh(), publications: quick ? 20 : 100 }))
        samples.push(told({ scenario: server.kind, round, ...numbers }, rounds))
      }
    }
    return { samples, skipped }
  })
}

/** Where stores are: `fresh()` is an empty place, `stored()` has what is in the model by then. */
function placesIn(folder) {
  mkdirSync(folder, { recursive: true })
  let count = 0
  const fresh = () => join(folder, `${count++}`)
  const model = fresh()
  const stored = () => {
    const copy = fresh()
    cpSync(model, copy, { recursive: true })
    return copy
  }
  return { model, fresh, stored }
}

/** What is measured, or why it could not be. Nothing of it is left. */
async function inTime(measured) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('took more than two minutes')), 120_000)
  })
  try {
    return await Promise.race([measured, late])
  } catch (error) {
    return { error: error.message }
  } finally {
    clearTimeout(timer)
    killAll()
  }
}

function profiles(directory, id) {
  if (directory === undefined) return undefined
  const own = join(directory, id)
  mkdirSync(own, { recursive: true })
  return own
}

/** Shows that it goes on. */
function told(sample, rounds) {
  const { scenario, round, ...numbers } = sample
  const short = JSON.stringify(numbers, (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(3)) : value,
  )
  process.stderr.write(`pubsub, round ${round + 1} of ${rounds}: ${scenario} ${short}\n`)
  return sample
}
