import t from 'tap'
import type { SrvRecord } from '../../src/stream/dns.ts'
import { bySrvOrder, type Resolution, resolveClient, type TlsPolicy } from '../../src/stream/resolve.ts'
import { type Known, srv, Zone } from '../helper/dns.ts'
import { rejects } from '../helper/rejects.ts'

const CLIENT = '_xmpp-client._tcp.example.org'
const DIRECT = '_xmpps-client._tcp.example.org'
const { signal } = new AbortController()

/** What a policy finds where these records are; `xmpps` and `xmpp`. */
async function find(
  policy: TlsPolicy,
  xmpps: Known<SrvRecord>,
  xmpp: Known<SrvRecord>,
): Promise<{ targets: string[]; trouble: string | undefined; asked: readonly string[] }> {
  const dns = new Zone({ [DIRECT]: xmpps, [CLIENT]: xmpp })
  const { targets, trouble } = await resolveClient('example.org', policy, { dns, signal, random: () => 0 })
  return { targets: shown(targets), trouble, asked: dns.asked }
}

function shown(targets: Resolution['targets']): string[] {
  return targets.map(({ host, port, direct }) => `${host}:${port}${direct ? ' direct' : ''}`)
}

const none = [srv('.', 0)]
const servfail = Object.assign(new Error('querySrv ESERVFAIL'), { code: 'ESERVFAIL' })

t.test('both kinds of servers are asked for at once, and taken together by priority', async t => {
  const xmpps = [srv('a.example.org', 443, 20), srv('b.example.org', 5223, 5)]
  const xmpp = [srv('a.example.org', 5222, 10), srv('c.example.org', 5222, 30)]
  t.strictSame(await find('starttls', xmpps, xmpp), {
    targets: ['b.example.org:5223 direct', 'a.example.org:5222', 'a.example.org:443 direct', 'c.example.org:5222'],
    trouble: undefined,
    asked: [`SRV ${DIRECT}`, `SRV ${CLIENT}`],
  })
})

t.test('what is asked for, and what there is without records', async t => {
  t.strictSame(await find('starttls', [], []), {
    targets: ['example.org:5222'],
    trouble: undefined,
    asked: [`SRV ${DIRECT}`, `SRV ${CLIENT}`],
  })
  const both = [[srv('a', 1)], [srv('b', 2)]] as const
  t.match(await find('direct', ...both), { targets: ['a:1 direct'], asked: [`SRV ${DIRECT}`] })
  t.match(await find('never', ...both), { targets: ['b:2'], asked: [`SRV ${CLIENT}`] })
  t.match(await find('direct', [], both[1]), { targets: ['example.org:5223 direct'] })
  t.match(await find('never', both[0], []), { targets: ['example.org:5222'] })
})

t.test('"." means that a service is decidedly not there', async t => {
  t.match(await find('starttls', [srv('a', 1)], none), { targets: ['a:1 direct'] })
  t.match(await find('starttls', none, [srv('a', 1)]), { targets: ['a:1'] })
  t.match(await find('starttls', none, []), { targets: ['example.org:5222'] }, 'of STARTTLS it says nothing')
  t.match(await find('starttls', [srv('.', 1), srv('a', 1)], []), { targets: ['a:1 direct'] }, 'only if it is alone')
  const message = 'example.org says by DNS that it offers no XMPP to clients'
  for (const [policy, xmpps] of [
    ['starttls', []],
    ['starttls', none],
    ['never', []],
    // As Node hands it out.
    ['never', [srv('', 0)]],
  ] as const) {
    await rejects(t, find(policy, xmpps, none), { code: 'XMPP_NO_SERVICE', message })
  }
  await rejects(t, find('direct', none, []), {
    code: 'XMPP_NO_SERVICE',
    message: 'example.org says by DNS that it offers no direct TLS to XMPP clients',
  })
  await rejects(t, find('starttls', servfail, none), { code: 'XMPP_NO_SERVICE', message: /no XMPP .*ESERVFAIL/ })
})

t.test('what cannot be looked up counts as not there, and is told', async t => {
  const trouble = `${DIRECT} could not be looked up: querySrv ESERVFAIL`
  t.match(await find('starttls', servfail, [srv('a', 1)]), { targets: ['a:1'], trouble })
  t.match(await find('starttls', servfail, none.slice(1)), { targets: ['example.org:5222'], trouble })
  t.match(await find('starttls', servfail, new Error('another')), { trouble: new RegExp(`${DIRECT}.*; ${CLIENT}`) })
  const both = `${DIRECT} and ${CLIENT} could not be looked up: querySrv ESERVFAIL`
  t.equal((await find('starttls', servfail, servfail)).trouble, both, 'one reason, said once')
  t.match(await find('direct', servfail, []), { targets: ['example.org:5223 direct'], trouble })
  const long = await find('never', [], new Error(`\n${'x'.repeat(10_000)}`))
  t.ok((long.trouble ?? '').length < 300)
  t.match(long.trouble, /: \\x0axxx/)
})

t.test('given up, what is not known by then counts as not there', async t => {
  const controller = new AbortController()
  const dns = new Zone({ [DIRECT]: [srv('a', 1)], [CLIENT]: () => new Promise(() => {}) })
  const resolving = resolveClient('example.org', 'starttls', { dns, signal: controller.signal })
  controller.abort(new Error('too late'))
  t.match(await resolving, { targets: [{ host: 'example.org' }], trouble: /_xmpp-client.*too late/ })
})

t.test('addresses and this machine are not asked about', async t => {
  const dns = new Zone({})
  for (const [domain, host] of [
    ['192.0.2.1', '192.0.2.1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['localhost', 'localhost'],
    ['xmpp.LOCALHOST', 'xmpp.localhost'],
  ] as const) {
    const { targets } = await resolveClient(domain, 'starttls', { dns, signal })
    t.strictSame(targets, [{ host, port: 5222, direct: false }], domain)
  }
  t.strictSame(dns.asked, [])
})

t.test('names are asked for in A-labels', async t => {
  const dns = new Zone({})
  const { targets } = await resolveClient('Bücher.example', 'never', { dns, signal })
  t.strictSame(dns.asked, ['SRV _xmpp-client._tcp.xn--bcher-kva.example'])
  t.strictSame(shown(targets), ['xn--bcher-kva.example:5222'])
  const long = [...Array(3).fill('a'.repeat(60)), 'b'.repeat(60)].join('.')
  t.strictSame(shown((await resolveClient(long, 'never', { dns, signal })).targets), [`${long}:5222`])
  t.equal(dns.asked.length, 1, 'a name that is too long exists nowhere')
})

t.test('hostile answers', async t => {
  const bad = [
    srv('a', 0),
    srv('a', 70_000),
    srv('a', -1),
    srv('a', 1.5),
    srv('a', Number.NaN),
    srv('a', 1, 70_000),
    srv('a', 1, 0, -1),
    srv(`${'a'.repeat(64)}.x`, 1),
    srv('a.'.repeat(128), 1),
    srv('a'.repeat(1_000_000), 1),
    srv('a\nb', 1),
    srv('a\u001b[2J', 1),
    srv('\\001', 1),
    srv('a..b', 1),
    srv('-a', 1),
    srv('a-', 1),
    srv('a b', 1),
    srv('*.a', 1),
    srv('bücher', 1),
    srv('[::1]', 1),
  ]
  for (const record of bad) {
    const { targets, trouble } = await find('never', [], [record])
    t.strictSame(targets, ['example.org:5222'], JSON.stringify(record).slice(0, 60))
    t.equal(trouble, `${CLIENT} gave no usable SRV record`)
  }
  t.strictSame((await find('never', [], [...bad, srv('Good_1.Example.', 9)])).targets, ['good_1.example:9'])
})

t.test('many records, and the same one many times', async t => {
  const many = Array.from({ length: 10_000 }, (_, at) => srv(`h${at}`, 1, at))
  t.equal((await find('never', [], many)).targets.length, 16)
  t.strictSame((await find('never', [], Array(10_000).fill(srv('a', 1)))).targets, ['a:1'])
  t.strictSame((await find('starttls', [srv('a', 1)], [srv('a', 1)])).targets, ['a:1 direct', 'a:1'], 'of either kind')
})

/** A generator of numbers as good as random that are the same each time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

t.test('weights: the running sum of RFC 2782', async t => {
  const records = [srv('x', 1, 0, 10), srv('zero', 1, 0, 0), srv('y', 1, 0, 30)]
  // The list is zero 0, x 10, y 40; the number is one of 0 … 40.
  for (const [number, first] of [
    [0, 'zero'],
    [1, 'x'],
    [10, 'x'],
    [11, 'y'],
    [40, 'y'],
  ] as const) {
    t.equal(bySrvOrder(records, () => number / 41 + 1e-9)[0]?.name, first, `${number}`)
  }
  t.same(
    bySrvOrder(records, () => 1 - 2 ** -53).map(({ name }) => name),
    ['y', 'x', 'zero'],
  )
})

t.test('weights: how often each is the first, and all of them come', async t => {
  const random = seeded(2782)
  const records = [
    srv('a', 1, 1, 10),
    srv('b', 1, 1, 60),
    srv('c', 1, 1, 30),
    srv('z', 1, 1, 0),
    srv('late', 1, 2, 999),
  ]
  const firsts: Record<string, number> = {}
  const seconds: Record<string, number> = {}
  const runs = 20_000
  for (let run = 0; run < runs; run++) {
    const order = bySrvOrder(records, random).map(({ name }) => name)
    if (new Set(order).size !== 5 || order[4] !== 'late') t.fail(`${order}`)
    firsts[order[0] as string] = (firsts[order[0] as string] ?? 0) + 1
    if (order[0] === 'b') seconds[order[1] as string] = (seconds[order[1] as string] ?? 0) + 1
  }
  const near = (count: number | undefined, of: number, share: number, what: string): void => {
    const deviation = 4 * Math.sqrt(of * share * (1 - share))
    t.ok(Math.abs((count ?? 0) - of * share) < deviation, `${what}: ${count} of ${of}, ${share} expected`)
  }
  near(firsts.a, runs, 10 / 101, 'a')
  near(firsts.b, runs, 60 / 101, 'b')
  near(firsts.c, runs, 30 / 101, 'c')
  near(firsts.z, runs, 1 / 101, 'z')
  near(seconds.c, firsts.b as number, 30 / 41, 'c behind b')
  // All of weight 0: RFC 2782 has the number 0 find the first.
  t.same(bySrvOrder([srv('a', 1), srv('b', 1)], random).length, 2)
})
