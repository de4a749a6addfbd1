const idleGoals = [
  { most: 16, of: 'res-xmpp client' },
  { most: 12, of: 'res-xmpp component' },
]

/**
 * What is measured, in this order. `number` is what counts of a peer's numbers, and whether more of it is better. Goals are for ours:
 * so many times another peer, or at most so much.
 */
export const scenarios = [
  {
    id: 'receive',
    title: 'receive messages, a CPU second',
    run: 'receive',
    parameters: { kind: 'chat', count: 200_000 },
    number: ({ perCpuSecond }) => perCpuSecond,
    more: true,
    goals: [
      { times: 1.5, against: '@xmpp/component' },
      { times: 2.5, against: '@xmpp/client' },
    ],
  },
  {
    id: 'receive-pubsub',
    title: 'receive pubsub events, a CPU second',
    run: 'receive',
    parameters: { kind: 'pubsub', count: 100_000 },
    number: ({ perCpuSecond }) => perCpuSecond,
    more: true,
    goals: [{ times: 1.3 }],
  },
  {
    id: 'send-awaited',
    title: 'send messages one by one, a CPU second',
    run: 'send',
    parameters: { mode: 'awaited', count: 100_000 },
    number: ({ perCpuSecond }) => perCpuSecond,
    more: true,
  },
  {
    id: 'send-burst',
    title: 'send messages in bursts, a CPU second',
    run: 'send',
    parameters: { mode: 'burst', count: 100_000 },
    number: ({ perCpuSecond }) => perCpuSecond,
    more: true,
    goals: [{ times: 3 }],
  },
  {
    id: 'iq-1',
    title: 'iq round trips one by one, a CPU second',
    run: 'iq',
    parameters: { concurrency: 1, count: 5000 },
    number: ({ perCpuSecond }) => perCpuSecond,
    more: true,
  },
  {
    id: 'iq-100',
    title: 'iq round trips, 100 at a time, a CPU second',
    run: 'iq',
    parameters: { concurrency: 100, count: 20_000 },
    number: ({ perCpuSecond }) => perCpuSecond,
    more: true,
    goals: [{ times: 2 }],
  },
  {
    id: 'connect',
    title: 'log in, in clear, ms of CPU',
    run: 'connect',
    parameters: { count: 100 },
    number: ({ cpuMs }) => cpuMs,
  },
  {
    id: 'idle',
    title: 'idle connection, KB of memory at once',
    run: 'idle',
    parameters: { count: 2000 },
    // With fewer, what the process grows by anyway would count.
    quickly: 1000,
    rounds: 2,
    number: ({ rssKB }) => rssKB,
    goals: idleGoals,
  },
  {
    id: 'idle-later',
    title: 'idle connection, KB of memory after ten seconds',
    with: 'idle',
    number: ({ laterKB }) => laterKB,
    goals: idleGoals,
  },
  {
    id: 'split',
    title: 'bodies corrupted of 64',
    run: 'split',
    parameters: { count: 64 },
    quickly: 64,
    number: ({ corrupted }) => corrupted,
    rounds: 1,
    // It decodes nothing.
    without: ['raw socket'],
    goals: [{ most: 0 }],
  },
  {
    id: 'import-cpu',
    title: 'import, ms of CPU',
    with: 'import',
    number: ({ cpuMs }) => cpuMs,
    goals: [{ most: 30 }],
  },
  {
    id: 'import-memory',
    title: 'import, MB of memory',
    with: 'import',
    number: ({ rssMB }) => rssMB,
    goals: [{ most: 5 }],
  },
]

/** Round trips that a login may take us, by what the server offers. */
export const loginGoals = { 'direct, SASL2': 5, direct: 6, starttls: 8, component: 3 }
