// node xml/one.mjs READER SCRIPT CHUNK: CPU time of one reader in a process of its own, as JSON.
import { chunks, corpus, HEADER } from './corpus.mjs'
import { readers } from './readers.mjs'

const [name, script, size] = process.argv.slice(2)
const { body, count } = corpus(script, 2_000_000)
const parts = chunks(body, Number(size))
let trees = 0
const write = await readers[name](() => {
  trees++
})
write(Buffer.from(HEADER))

function pass() {
  const began = process.cpuUsage()
  for (const part of parts) write(part)
  const { user, system } = process.cpuUsage(began)
  return user + system
}

for (let warm = 0; warm < 6; warm++) pass()
trees = 0
const times = Array.from({ length: 15 }, pass).sort((a, b) => a - b)
if (trees !== 15 * count) throw new Error(`${trees} trees of ${15 * count}`)
const median = times[7]
process.stdout.write(JSON.stringify({ microseconds: median / count, megabytes: body.length / median }))
