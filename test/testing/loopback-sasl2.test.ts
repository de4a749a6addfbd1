/** XEP-0388 with XEP-0386 and XEP-0198 inline, as the loopback server does it. */
import t, { type Test } from 'tap'
import { NS_SASL2 } from '../../src/negotiate/sasl.ts'
import { NS_BIND2 } from '../../src/negotiate/sasl2.ts'
import { NS_BIND, NS_SASL, NS_TLS } from '../../src/negotiate.ts'
import { scramSha1 } from '../../src/sasl/index.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { NS_STREAM } from '../../src/stream/namespaces.ts'
import type { XmlStream } from '../../src/stream/stream.ts'
import { NS_SM } from '../../src/stream-management.ts'
import { rejects } from '../helper/rejects.ts'
import { type Stage, stage } from './loopback-actors.ts'
import { base64, bind, got, handled, managed, message, open, opened, proofs } from './loopback-raw.ts'

const clear = { starttls: 'none', mechanisms: ['PLAIN', 'SCRAM-SHA-1'] } as const
const ALICE = 'alice@one.example/r'

const enable = el('enable', NS_SM, { resume: 'true' })
const bind2 = (tag: string | undefined, ...inline: Element[]): Element =>
  el('bind', NS_BIND2, {}, ...(tag === undefined ? [] : [el('tag', NS_BIND2, {}, tag)]), ...inline)
const agent = (id: string): Element => el('user-agent', NS_SASL2, { id }, el('software', NS_SASL2, {}, 'test'))
const resume = (previd: string, h = 0): Element => el('resume', NS_SM, { previd, h: `${h}` })

function authenticate(stream: XmlStream, ...inline: Element[]): void {
  stream.send(
    el('authenticate', NS_SASL2, { mechanism: 'PLAIN' }, el('initial-response', NS_SASL2, {}, proofs.alice), ...inline),
  )
}

/** Logs in on a new connection; returns success, and the features behind it. */
async function login(t: Test, on: Stage, ...inline: Element[]) {
  const { stream } = await opened(t, on)
  authenticate(stream, ...inline)
  const success = await stream.expect(NS_SASL2, 'success')
  const features = await stream.expect(NS_STREAM, 'features')
  return { stream, success, features, jid: success.childText('authorization-identifier') ?? '' }
}

const names = (element: Element | undefined): readonly string[] =>
  element?.elements.map(({ name, ns }) => (ns === NS_SASL2 ? name : `${name} ${ns}`)) ?? []

t.test('what is offered, and when', async t => {
  const on = await stage(t, clear)
  const { features } = await opened(t, on)
  t.ok(features.child('mechanisms', NS_SASL), 'beside what there was before')
  const authentication = features.child('authentication', NS_SASL2)
  t.same(names(authentication), ['mechanism', 'mechanism', 'inline'])
  t.same(
    authentication?.elements.slice(0, 2).map(({ text }) => text),
    ['PLAIN', 'SCRAM-SHA-1'],
  )
  const inline = authentication?.child('inline')
  t.same(names(inline), [`bind ${NS_BIND2}`, `sm ${NS_SM}`])
  t.equal(inline?.child('bind', NS_BIND2)?.child('inline')?.child('feature')?.attrs.var, NS_SM)

  const unmanaged = (await opened(t, await stage(t, { ...clear, streamManagement: false }))).features
  const bare = unmanaged.child('authentication', NS_SASL2)?.child('inline')
  t.same(names(bare), [`bind ${NS_BIND2}`])
  t.same(names(bare?.child('bind', NS_BIND2)), [])

  const off = await opened(t, await stage(t, { ...clear, sasl2: false }))
  t.notOk(off.features.child('authentication', NS_SASL2))
  authenticate(off.stream)
  await rejects(t, off.stream.next(), { condition: 'not-authorized' })
  const early = await opened(t, await stage(t))
  t.notOk(early.features.child('authentication', NS_SASL2), 'not before TLS')
  authenticate(early.stream)
  t.ok((await early.stream.expect(NS_SASL2, 'failure')).child('encryption-required', NS_SASL))
  const optional = await opened(t, await stage(t, { ...clear, starttls: 'optional' }))
  authenticate(optional.stream)
  t.ok((await optional.stream.expect(NS_SASL2, 'failure')).child('encryption-required', NS_SASL), 'no PLAIN in clear')
})

t.test('login, bind and stream management in one', async t => {
  const on = await stage(t, { ...clear, resumeSeconds: 9 })
  const { stream, success, features, jid } = await login(t, on, agent('a'), bind2('phone', enable))
  t.match(jid, /^alice@one\.example\/phone\.[\w-]{12}$/)
  t.same(names(success), ['authorization-identifier', `bound ${NS_BIND2}`])
  const enabled = success.child('bound', NS_BIND2)?.child('enabled', NS_SM)
  t.match(enabled?.attrs, { resume: 'true', max: '9' })
  t.same(features.elements, [], 'nothing is left to be negotiated')
  stream.send(message(jid, '1'))
  t.same(await got(stream, 1), ['message 1'])
  t.equal(await handled(stream), '1')
  stream.send(enable)
  await rejects(t, stream.next(), { condition: 'policy-violation' })
})

t.test('resources: a random one, or the same for the same installation', async t => {
  const on = await stage(t, clear)
  const first = await login(t, on, agent('a'), bind2('x'))
  t.same(names(first.success.child('bound', NS_BIND2)), [])
  t.same(names(first.features), [`sm ${NS_SM}`], 'what was not enabled inline may be yet')
  first.stream.send(enable)
  await first.stream.expect(NS_SM, 'enabled')
  const other = await login(t, on, agent('b'), bind2('x'))
  t.not(other.jid, first.jid)
  const again = await login(t, on, agent('a'), bind2('x'))
  t.equal(again.jid, first.jid)
  await rejects(t, first.stream.next(), { condition: 'conflict' })

  const random = [await login(t, on, bind2('x')), await login(t, on, bind2('x')), await login(t, on, bind2(undefined))]
  t.equal(new Set(random.map(({ jid }) => jid)).size, 3)
  t.match(random[2]?.jid, /^alice@one\.example\/[\w-]{12}$/)
  t.match((await login(t, on, bind2('\u0085'))).jid, /^alice@one\.example\/[\w-]{12}$/, 'a tag that cannot be')
  t.match((await login(t, on, bind2('y'.repeat(5000)))).jid, /\/y{64}\.[\w-]{12}$/, 'a long one')
})

t.test('without inline bind it follows, on the same stream', async t => {
  const on = await stage(t, clear)
  const { stream, success, features } = await login(t, on)
  t.same(names(success), ['authorization-identifier'])
  t.equal(success.childText('authorization-identifier'), 'alice@one.example')
  t.ok(features.child('bind', NS_BIND))
  t.ok(features.child('sm', NS_SM))
  await bind(stream, 'r')
  t.same(on.server.connected, [ALICE])
})

t.test('resumed inside the login, and not bound', async t => {
  const on = await stage(t, clear)
  const { id } = await managed(t, on)
  on.server.drop(ALICE)
  on.server.send(ALICE, message(ALICE, 'lost'))
  const bob = await managed(t, on, 'bob')
  bob.stream.send(message(ALICE, '1'))
  t.equal(await handled(bob.stream), '1')
  const { stream, success, features, jid } = await login(t, on, resume(id), bind2('x', enable))
  t.equal(jid, ALICE)
  t.same(names(success), ['authorization-identifier', `resumed ${NS_SM}`])
  t.same(success.child('resumed', NS_SM)?.attrs, { previd: id, h: '0' })
  t.same(names(features), [])
  t.same(await got(stream, 1), ['message 1'])
  t.same([...on.server.connected].sort(), [ALICE, 'bob@one.example/r'])
})

t.test('not resumed: what was asked beside it counts', async t => {
  const on = await stage(t, clear)
  const bob = await managed(t, on, 'bob')
  const bound = await login(t, on, resume(bob.id), bind2('x', enable))
  t.same(names(bound.success), ['authorization-identifier', `failed ${NS_SM}`, `bound ${NS_BIND2}`])
  t.equal(bound.success.child('failed', NS_SM)?.elements[0]?.name, 'item-not-found')
  const plain = await login(t, on, resume('x'))
  t.same(names(plain.success), ['authorization-identifier', `failed ${NS_SM}`])
  await bind(plain.stream, 'r')
  const { stream } = await opened(t, on)
  authenticate(stream, el('resume', NS_SM, { previd: 'x', h: 'y' }))
  await rejects(t, stream.next(), { condition: 'bad-format' })
})

t.test('challenges, aborts, and further tries in either profile', async t => {
  const on = await stage(t, clear)
  const { stream } = await opened(t, on)
  const refused = async (): Promise<string | undefined> =>
    (await stream.expect(NS_SASL2, 'failure')).elements.find(({ ns }) => ns === NS_SASL)?.name
  stream.send(el('authenticate', NS_SASL2, { mechanism: 'PLAIN' }))
  t.equal((await stream.expect(NS_SASL2, 'challenge')).text, '=')
  stream.send(el('abort', NS_SASL2))
  t.equal(await refused(), 'aborted')
  stream.send(el('authenticate', NS_SASL2, { mechanism: 'X-NONE' }))
  t.equal(await refused(), 'invalid-mechanism')
  stream.send(el('auth', NS_SASL, { mechanism: 'PLAIN' }, base64('\0alice\0no')))
  t.ok((await stream.expect(NS_SASL, 'failure')).child('not-authorized'))

  const credentials = async () => ({ username: 'alice', password: 'alice:pw' })
  const dialogue = scramSha1.start({ credentials, domain: 'one.example' })
  const first = (await dialogue.next()).value ?? ''
  stream.send(
    el('authenticate', NS_SASL2, { mechanism: 'SCRAM-SHA-1' }, el('initial-response', NS_SASL2, {}, base64(first))),
  )
  const challenge = Buffer.from((await stream.expect(NS_SASL2, 'challenge')).text, 'base64').toString()
  stream.send(el('response', NS_SASL2, {}, base64((await dialogue.next(challenge)).value ?? '')))
  const success = await stream.expect(NS_SASL2, 'success')
  const data = Buffer.from(success.childText('additional-data') ?? '', 'base64').toString()
  t.equal((await dialogue.next(data)).done, true, 'the server has proved itself')

  const wrong = await opened(t, on)
  for (let tries = 0; tries < 4; tries++) {
    wrong.stream.send(el('authenticate', NS_SASL2, { mechanism: 'X-NONE' }))
    await wrong.stream.expect(NS_SASL2, 'failure')
  }
  await rejects(t, wrong.stream.next(), { condition: 'policy-violation' })
})

t.test('under TLS, with bind right behind the login', async t => {
  const on = await stage(t)
  const { stream } = await opened(t, on)
  stream.send(el('starttls', NS_TLS))
  await stream.expect(NS_TLS, 'proceed')
  await stream.startTls({ domain: 'one.example', ca: on.server.ca })
  t.ok((await open(stream)).child('authentication', NS_SASL2))
  authenticate(stream)
  const ask = `<iq type='set' id='b'><bind xmlns='${NS_BIND}'><resource>r</resource></bind></iq>`
  stream.write(Buffer.from(`${ask}<enable xmlns='${NS_SM}'/><message to='${ALICE}' id='1'/><r xmlns='${NS_SM}'/>`))
  t.same(await got(stream, 6), ['success', 'features', 'iq b', 'enabled', 'message 1', 'a 1'])
})
