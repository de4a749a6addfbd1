/** XEP-0078 as the loopback server does it. */
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { NS_IQ_AUTH, NS_IQ_AUTH_FEATURE } from '../../src/negotiate/iq-auth.ts'
import { NS_CLIENT } from '../../src/negotiate.ts'
import { el } from '../../src/stream/element.ts'
import { NS_STREAM } from '../../src/stream/namespaces.ts'
import type { XmlStream } from '../../src/stream/stream.ts'
import type { LoopbackOptions } from '../../src/testing/index.ts'
import { rejects } from '../helper/rejects.ts'
import { stage } from './loopback-actors.ts'

const on = { iqAuth: true, starttls: 'none' } as const

async function fresh(t: Test, options: LoopbackOptions = on) {
  const place = await stage(t, options)
  const stream = await place.raw()
  t.teardown(() => stream.destroy())
  const { header } = await stream.open({ to: 'one.example', version: '1.0' })
  const features = await stream.expect(NS_STREAM, 'features')
  return { place, stream, features, streamId: header.attrs.id ?? '' }
}

/** Asks with these fields; returns the answer's fields, or the error's code, type and condition. */
async function ask(stream: XmlStream, type: 'get' | 'set', fields: Record<string, string>): Promise<string[]> {
  const children = Object.entries(fields).map(([name, text]) => el(name, NS_IQ_AUTH, {}, text))
  stream.send(el('iq', NS_CLIENT, { type, id: 'q', to: 'one.example' }, el('query', NS_IQ_AUTH, {}, ...children)))
  const reply = await stream.expect(NS_CLIENT, 'iq')
  const error = reply.child('error')
  if (error !== undefined) return [error.attrs.code ?? '', error.attrs.type ?? '', error.elements[0]?.name ?? '']
  return reply.child('query', NS_IQ_AUTH)?.elements.map(({ name }) => name) ?? ['in']
}

const digest = (id: string, password: string): string => createHash('sha1').update(`${id}${password}`).digest('hex')

const alice = { username: 'alice', resource: 'r' }

t.test('fields, digest and password', async t => {
  const { place, stream, features, streamId } = await fresh(t)
  t.ok(features.child('auth', NS_IQ_AUTH_FEATURE))
  const fields = ['username', 'password', 'digest', 'resource']
  t.same(await ask(stream, 'get', { username: 'alice' }), fields)
  t.same(await ask(stream, 'get', { username: 'nobody' }), fields, 'nobody is told who exists')
  t.same(await ask(stream, 'set', { ...alice, digest: digest(streamId, 'no') }), ['401', 'auth', 'not-authorized'])
  t.same(await ask(stream, 'set', { ...alice, digest: digest(streamId, 'alice:pw') }), ['in'])
  t.same(place.server.connected, ['alice@one.example/r'])

  const shown = await fresh(t)
  t.same(await ask(shown.stream, 'set', { ...alice, password: 'alice:pw' }), ['in'])
})

t.test('what is refused', async t => {
  const { stream, streamId } = await fresh(t)
  const right = digest(streamId, 'alice:pw')
  const incomplete = ['406', 'modify', 'not-acceptable']
  const wrong = ['401', 'auth', 'not-authorized']
  t.same(await ask(stream, 'set', { username: 'alice', digest: right }), incomplete, 'no resource')
  t.same(await ask(stream, 'set', alice), incomplete, 'nothing to prove it with')
  t.same(await ask(stream, 'set', { ...alice, digest: right, resource: 'x'.repeat(1024) }), incomplete)
  t.same(await ask(stream, 'set', { ...alice, digest: digest('x', 'alice:pw') }), wrong, 'of another stream')
  t.same(await ask(stream, 'set', { ...alice, username: 'nobody', digest: right }), wrong)
  t.same(await ask(stream, 'set', { ...alice, username: 'a/b', digest: right }), wrong)
  t.same(await ask(stream, 'set', { ...alice, password: '\u0085' }), wrong)
  t.same(await ask(stream, 'set', { ...alice, password: 'no' }), wrong)
  await rejects(t, stream.next(), { condition: 'policy-violation' })
})

t.test('where it may be used', async t => {
  for (const options of [{ starttls: 'none' }, { iqAuth: true }] as const) {
    const off = await fresh(t, options)
    t.notOk(off.features.child('auth', NS_IQ_AUTH_FEATURE), 'switched off, or before TLS')
    await rejects(t, ask(off.stream, 'get', { username: 'alice' }), { condition: 'not-authorized' })
  }
  const optional = await fresh(t, { iqAuth: true, starttls: 'optional' })
  t.same(await ask(optional.stream, 'get', {}), ['username', 'digest', 'resource'], 'no password in clear')
  const shown = await ask(optional.stream, 'set', { ...alice, password: 'alice:pw' })
  t.same(shown, ['406', 'modify', 'not-acceptable'])
  optional.stream.send(el('iq', NS_CLIENT, { type: 'get', id: '1' }, el('ping', 'urn:xmpp:ping')))
  await rejects(t, optional.stream.next(), { condition: 'not-authorized' })
})

t.test('our own client', async t => {
  const place = await stage(t, { iqAuth: true })
  const actor = await place.client('alice@one.example/desk', { iqAuth: true })
  t.same([actor.jid, actor.session.mechanism], ['alice@one.example/desk', 'XEP-0078'])
  await actor.settled()
  await rejects(t, place.client('alice@one.example/desk', { iqAuth: true, password: 'no' }), {
    condition: 'not-authorized',
  })
})
