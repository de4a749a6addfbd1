import { fanOut } from './fan-out.mjs'
import { disk, latency } from './latency.mjs'
import { memory } from './memory.mjs'
import { starting } from './stored.mjs'

/** Nodes in a directory that services begin with. */
export const STORED = 10_000

const fanOuts = ['leaf', 'collection'].flatMap(through =>
  ['state', 'entry'].map(payload => ({
    id: `${through}-${payload}`,
    title: `publish to 1,000 ${through === 'leaf' ? 'subscribers' : 'of a collection'}, ${payload === 'state' ? 'a state' : '2 KB'}`,
    run: fanOut,
    parameters: { through, payload, publications: 200 },
    quickly: { publications: 40 },
    rows: [
      { title: 'notifications a CPU second', number: ({ perCpuSecond }) => perCpuSecond, goal: { least: 100_000 } },
    ],
  })),
)
const latencies = [true, false].flatMap(durable =>
  [1, 64].map(publishers => ({
    id: `${durable ? 'durable' : 'memory'}-${publishers}`,
    title: `${publishers === 1 ? 'one publisher' : `${publishers} publishers`}, ${durable ? 'synced' : 'in memory'}`,
    run: latency,
    needsStored: true,
    parameters: { durable, publishers, publications: publishers === 1 ? 5000 : 32_000 },
    quickly: { publications: publishers === 1 ? 300 : 3200 },
    rows: [
      { title: 'ms to the answer', number: ({ medianMs }) => medianMs },
      { title: 'ms, 99th percentile', number: ({ p99Ms }) => p99Ms },
      { title: 'publications a second', number: ({ perSecond }) => perSecond },
    ],
  })),
)

/** What is measured, in this order: `rows` are what counts of its numbers, with the goals that were set for some; `quickly` is less work. */
export const scenarios = [
  {
    id: 'memory',
    title: '10,000 nodes, 100,000 subscriptions of 10,000 users',
    run: memory,
    parameters: { nodes: 10_000, eachNode: 10, people: 10_000 },
    rows: [
      { title: 'an empty node, bytes', number: ({ nodeBytes }) => nodeBytes, goal: { most: 1024 } },
      { title: 'a subscription, bytes', number: ({ subscriptionBytes }) => subscriptionBytes },
      { title: 'heap, MB', number: ({ heapMB }) => heapMB },
      { title: 'resident memory, MB', number: ({ rssMB }) => rssMB },
      { title: 'making a node, µs of CPU', number: ({ nodeMicroseconds }) => nodeMicroseconds },
      { title: 'a subscription, µs of CPU', number: ({ subscriptionMicroseconds }) => subscriptionMicroseconds },
      { title: 'all of them, seconds of CPU', number: ({ seconds }) => seconds },
    ],
  },
  {
    id: 'memory-few',
    title: 'the same of 10 users',
    run: memory,
    parameters: { nodes: 10_000, eachNode: 10, people: 10 },
    rows: [{ title: 'a subscription, bytes', number: ({ subscriptionBytes }) => subscriptionBytes }],
  },
  ...fanOuts,
  {
    id: 'start',
    title: 'start with 10,000 stored nodes',
    run: starting,
    needsStored: true,
    parameters: { nodes: STORED },
    rows: [
      { title: 'reading the store, ms', number: ({ openMs }) => openMs, goal: { most: 1000 } },
      { title: 'from a cold process to the first answer, ms', number: ({ coldMs }) => coldMs },
    ],
  },
  {
    id: 'disk',
    title: 'the disk alone: 250 bytes, synced',
    run: disk,
    parameters: { publications: 2000 },
    quickly: { publications: 300 },
    rows: [
      { title: 'ms', number: ({ medianMs }) => medianMs },
      { title: 'ms, 99th percentile', number: ({ p99Ms }) => p99Ms },
    ],
  },
  ...latencies,
]
