import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import t from 'tap'
import { NS_BIND, NS_CLIENT, NS_SASL, NS_SESSION, NS_TLS } from '../../src/negotiate.ts'
import { plain, scramSha1, scramSha256, scramSha512 } from '../../src/sasl/index.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { NS_STREAM } from '../../src/stream/namespaces.ts'
import type { XmlStream } from '../../src/stream/stream.ts'
import { makeCertificate, startLoopback } from '../../src/testing/index.ts'
import { rejects } from '../helper/rejects.ts'
import { stage } from './loopback-actors.ts'

/** What needs no more than a password; the others have a file of their own. */
const mechanisms = [scramSha512, scramSha256, scramSha1, plain]

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

t.test('login by every mechanism, over STARTTLS and direct TLS', async t => {
  const lines: string[] = []
  const on = await stage(t, { log: line => lines.push(line) })
  for (const tls of ['starttls', 'direct'] as const) {
    for (const mechanism of mechanisms) {
      for (const jid of ['alice@one.example/home', 'carol@two.example/home']) {
        const { session } = await on.client(jid, { tls, mechanisms: [mechanism] })
        const facts = session.stream.transport.tls
        t.strictSame([session.jid, session.mechanism, facts?.version], [jid, mechanism.name, 'TLSv1.3'])
        t.equal(facts?.verified, true)
        t.equal(facts?.alpn, tls === 'direct' ? 'xmpp-client' : undefined)
        t.strictSame(on.server.connected, [jid])
        await session.close()
        await on.server.waitFor(jid, false)
      }
    }
  }
  t.equal(lines[0], 'alice@one.example/home is connected, SCRAM-SHA-512 over TLSv1.3')
  t.notMatch(lines.join('\n'), /pw|caröl/)
})

t.test('what is refused', async t => {
  const on = await stage(t)
  for (const mechanism of mechanisms) {
    const wrong = { mechanisms: [mechanism], password: 'wrong' }
    await rejects(t, on.client('alice@one.example', wrong), { condition: 'not-authorized' }, mechanism.name)
    await rejects(t, on.client('nobody@one.example', wrong), { condition: 'not-authorized' }, 'unknown user')
    const other = async () => ({ username: 'alice/x', password: 'alice:pw' })
    await rejects(t, on.client('alice@one.example', { ...wrong, password: other }), { condition: 'not-authorized' })
  }
  await rejects(t, on.client('alice@three.example', { password: 'x' }), { condition: 'host-unknown' })
  await rejects(t, on.client('alice@one.example', { ca: makeCertificate({ names: ['one.example'] }).ca }), {
    code: 'XMPP_TLS_REFUSED',
  })
  await rejects(t, on.client('alice@one.example', { tls: 'never' }), { condition: 'encryption-required' })
  t.strictSame(on.server.connected, [])
})

t.test('what is offered, and what happens to those who ask for something else', async t => {
  const clear = async (starttls: 'required' | 'optional' | 'none') => {
    const on = await stage(t, { starttls })
    const stream = await on.raw()
    await stream.open({ to: 'one.example', version: '1.0' })
    return { stream, features: await stream.expect(NS_STREAM, 'features') }
  }
  const names = (features: Element) => features.child('mechanisms', NS_SASL)?.elements.map(each => each.text)
  const auth = el('auth', NS_SASL, { mechanism: 'PLAIN' }, Buffer.from('\0alice\0alice:pw').toString('base64'))
  const scram = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1']

  const required = await clear('required')
  t.ok(required.features.child('starttls', NS_TLS)?.child('required'))
  t.equal(names(required.features), undefined)
  required.stream.send(auth)
  t.ok((await required.stream.expect(NS_SASL, 'failure')).child('encryption-required'))

  const optional = await clear('optional')
  t.notOk(optional.features.child('starttls', NS_TLS)?.child('required'))
  t.strictSame(names(optional.features), scram)
  optional.stream.send(auth)
  t.ok((await optional.stream.expect(NS_SASL, 'failure')).child('encryption-required'), 'no PLAIN in clear')

  const none = await clear('none')
  t.notOk(none.features.child('starttls', NS_TLS))
  t.strictSame(names(none.features), [...scram, 'PLAIN'])
  none.stream.send(el('starttls', NS_TLS))
  await none.stream.expect(NS_TLS, 'failure')
  t.equal(await none.stream.next(), undefined, 'and the stream is closed')
})

t.test('PLAIN in clear where that was chosen', async t => {
  const on = await stage(t, { starttls: 'none', mechanisms: ['PLAIN'] })
  const actor = await on.client('alice@one.example/x', { tls: 'never', mechanisms: [plain] })
  t.strictSame([actor.session.mechanism, actor.session.stream.transport.tls], ['PLAIN', undefined])
})

t.test('data in clear behind <starttls/> is refused', async t => {
  const on = await stage(t)
  const stream = await on.raw()
  await stream.open({ to: 'one.example', version: '1.0' })
  await stream.expect(NS_STREAM, 'features')
  stream.write(Buffer.from(`<starttls xmlns='${NS_TLS}'/><iq type='get' id='1'/>`))
  await stream.expect(NS_TLS, 'proceed')
  await rejects(t, stream.next(), { condition: 'policy-violation' })
})

/** A stream in clear on which SASL may begin. */
async function beforeSasl(t: Parameters<typeof stage>[0], options = {}): Promise<XmlStream> {
  const on = await stage(t, { starttls: 'none', ...options })
  const stream = await on.raw()
  await stream.open({ to: 'one.example', version: '1.0' })
  await stream.expect(NS_STREAM, 'features')
  t.teardown(() => stream.destroy())
  return stream
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

async function outcome(stream: XmlStream, mechanism: string, ...payloads: (string | undefined)[]): Promise<string> {
  const [initial, ...responses] = payloads
  stream.send(el('auth', NS_SASL, { mechanism }, ...(initial === undefined ? [] : [initial])))
  for (;;) {
    const reply = await stream.expect(NS_SASL, 'challenge', 'success', 'failure')
    if (reply.name !== 'challenge') return reply.elements[0]?.name ?? reply.name
    stream.send(el('response', NS_SASL, {}, responses.shift() ?? ''))
  }
}

t.test('malformed SASL', async t => {
  for (const [mechanism, payloads, condition] of [
    ['X-NONE', ['='], 'invalid-mechanism'],
    ['PLAIN', ['not base64'], 'incorrect-encoding'],
    ['PLAIN', ['YWxpY2U'], 'incorrect-encoding'],
    ['PLAIN', [base64('alice')], 'malformed-request'],
    ['PLAIN', ['='], 'malformed-request'],
    ['PLAIN', ['/w=='], 'malformed-request'],
    ['PLAIN', [base64('\0alice\0alice:pw\0')], 'malformed-request'],
    ['PLAIN', [base64('bob@one.example\0alice\0alice:pw')], 'invalid-authzid'],
    ['PLAIN', [base64('\0alice\0\u0007')], 'not-authorized'],
    ['PLAIN', [base64('alice@one.example\0Alice\0alice:pw')], 'success'],
    ['PLAIN', [undefined, base64('\0alice\0alice:pw')], 'success'],
    ['SCRAM-SHA-1', ['='], 'malformed-request'],
    ['SCRAM-SHA-1', [base64('p=tls-unique,,n=alice,r=abc')], 'malformed-request'],
    ['SCRAM-SHA-1', [base64('n,,m=x,n=alice,r=abc')], 'malformed-request'],
    ['SCRAM-SHA-1', [base64('n,,n=al=ice,r=abc')], 'malformed-request'],
    ['SCRAM-SHA-1', [base64('n,,n=alice,r=abc'), 'c=biws'], 'incorrect-encoding'],
    ['SCRAM-SHA-1', [base64('n,,n=alice,r=abc'), base64('c=biws,r=abc')], 'malformed-request'],
    ['SCRAM-SHA-1', [base64('n,,n=alice,r=abc'), base64('c=biws,r=abc,p=AAAA')], 'not-authorized'],
  ] as const) {
    const stream = await beforeSasl(t)
    t.equal(await outcome(stream, mechanism, ...payloads), condition, `${mechanism} ${payloads}`)
  }
})

t.test('SCRAM as RFC 5802 has it, computed here', async t => {
  const hmac = (key: Uint8Array, text: string) => createHmac('sha1', key).update(text).digest()
  const run = async (alter: (final: { binding: string; nonce: string }) => void): Promise<Element> => {
    const stream = await beforeSasl(t)
    stream.send(el('auth', NS_SASL, { mechanism: 'SCRAM-SHA-1' }, base64('y,a=alice@one.example,n=alice,r=abc')))
    const first = Buffer.from((await stream.expect(NS_SASL, 'challenge')).text, 'base64').toString()
    const [, nonce = '', salt = '', i = ''] = /^r=(abc[^,]{20,}),s=([^,]+),i=(\d+)$/.exec(first) ?? []
    t.equal(i, '4096')
    const final = { binding: base64('y,a=alice@one.example,'), nonce }
    alter(final)
    const withoutProof = `c=${final.binding},r=${final.nonce}`
    const salted = pbkdf2Sync('alice:pw', Buffer.from(salt, 'base64'), 4096, 20, 'sha1')
    const key = hmac(salted, 'Client Key')
    const transcript = `n=alice,r=abc,${first},${withoutProof}`
    const signature = hmac(createHash('sha1').update(key).digest(), transcript)
    const proof = Buffer.from(key.map((byte, at) => byte ^ (signature[at] ?? 0))).toString('base64')
    stream.send(el('response', NS_SASL, {}, base64(`${withoutProof},p=${proof}`)))
    const reply = await stream.expect(NS_SASL, 'success', 'failure')
    if (reply.name === 'success') {
      t.equal(
        Buffer.from(reply.text, 'base64').toString(),
        `v=${hmac(hmac(salted, 'Server Key'), transcript).toString('base64')}`,
      )
    }
    return reply
  }
  t.equal((await run(() => {})).name, 'success')
  const altered = [
    await run(final => Object.assign(final, { binding: 'biws' })),
    await run(final => Object.assign(final, { nonce: `${final.nonce}x` })),
    await run(final => Object.assign(final, { nonce: 'abc' })),
  ]
  for (const reply of altered) t.ok(reply.child('not-authorized'))
})

t.test('an unknown user is asked the same questions, with the same salt each time', async t => {
  const stream = await beforeSasl(t)
  const salts: string[] = []
  for (const name of ['nobody', 'nobody', 'alice']) {
    stream.send(el('auth', NS_SASL, { mechanism: 'SCRAM-SHA-256' }, base64(`n,,n=${name},r=abc`)))
    const first = Buffer.from((await stream.expect(NS_SASL, 'challenge')).text, 'base64').toString()
    salts.push(/,s=([^,]{24}),i=4096$/.exec(first)?.[1] ?? '')
    stream.send(el('abort', NS_SASL))
    t.ok((await stream.expect(NS_SASL, 'failure')).child('aborted'))
  }
  t.equal(salts[0], salts[1])
  t.not(salts[0], salts[2])
  t.ok(salts.every(salt => salt !== ''))
})

t.test('after some wrong passwords the stream is over', async t => {
  const stream = await beforeSasl(t)
  const wrong = base64('\0alice\0wrong')
  for (let tries = 0; tries < 4; tries++) t.equal(await outcome(stream, 'PLAIN', wrong), 'not-authorized')
  await rejects(t, stream.next(), { condition: 'policy-violation' })

  const second = await beforeSasl(t)
  t.equal(await outcome(second, 'PLAIN', wrong), 'not-authorized')
  t.equal(await outcome(second, 'PLAIN', base64('\0alice\0alice:pw')), 'success', 'but one may try again')
})

t.test('binding a resource', async t => {
  const stream = await beforeSasl(t)
  t.equal(await outcome(stream, 'PLAIN', base64('\0alice\0alice:pw')), 'success')
  await stream.open({ to: 'one.example', version: '1.0' })
  const features = await stream.expect(NS_STREAM, 'features')
  t.ok(features.child('bind', NS_BIND))
  t.ok(features.child('session', NS_SESSION)?.child('optional'))
  const ask = async (resource: string): Promise<Element> => {
    stream.send(
      el('iq', NS_CLIENT, { type: 'set', id: 'b' }, el('bind', NS_BIND, {}, el('resource', NS_BIND, {}, resource))),
    )
    return stream.expect(NS_CLIENT, 'iq')
  }
  const refused = await ask('x'.repeat(1024))
  t.ok(refused.child('error')?.child('bad-request', NS_STANZAS))
  t.equal(
    (await ask(''))
      .child('bind', NS_BIND)
      ?.childText('jid')
      ?.replace(/\w{12}|[\w-]{12}/, 'random'),
    'alice@one.example/random',
  )
  stream.send(el('iq', NS_CLIENT, { type: 'set', id: 's' }, el('session', NS_SESSION)))
  t.equal((await stream.expect(NS_CLIENT, 'iq')).attrs.type, 'result')
})

t.test('nothing before the resource is bound, nothing before the login', async t => {
  const stream = await beforeSasl(t)
  t.equal(await outcome(stream, 'PLAIN', base64('\0alice\0alice:pw')), 'success')
  await stream.open({ to: 'one.example', version: '1.0' })
  await stream.expect(NS_STREAM, 'features')
  stream.send(el('iq', NS_CLIENT, { type: 'get', id: '1' }, el('ping', 'urn:xmpp:ping')))
  await rejects(t, stream.next(), { condition: 'not-authorized' })

  const early = await beforeSasl(t)
  early.send(el('message', NS_CLIENT, { to: 'bob@one.example' }))
  await rejects(t, early.next(), { condition: 'not-authorized' })
})

t.test('the last to bind a resource has it', async t => {
  const on = await stage(t)
  const first = await on.client('alice@one.example/phone')
  const second = await on.client('alice@one.example/phone')
  t.match(await first.ended, { condition: 'conflict' })
  t.strictSame(on.server.connected, ['alice@one.example/phone'])
  second.say('alice@one.example/phone', 'still here')
  await second.next('message')
})

t.test('components', async t => {
  const on = await stage(t)
  const pbx = await on.component('pbx.example')
  t.strictSame(on.server.connected, ['pbx.example'])
  await rejects(t, on.component('pbx.example'), { condition: 'conflict' })
  await rejects(t, on.component('other.example', { secret: 'wrong' }), { condition: 'not-authorized' })
  await rejects(t, on.component('other.example', { domain: 'third.example' }), { condition: 'host-unknown' })
  const client = await on.raw(NS_CLIENT, on.server.componentPort)
  await rejects(
    t,
    client.open({ to: 'pbx.example' }).then(() => client.next()),
    { condition: 'invalid-namespace' },
  )
  await pbx.settled()
  await pbx.session.close()
  await on.server.waitFor('pbx.example', false)
  await on.component('pbx.example')
})

t.test('options that cannot be', async t => {
  const pw = 'se-cr-et'
  for (const [options, message] of [
    [{ users: { 'alice@one.example/x': pw } }, /a user is local@domain/],
    [{ users: { 'one.example': pw } }, /a user is local@domain/],
    [{ users: { 'a@b@c': pw } }, /malformed JID/],
    [{ users: { 'a@x': pw, 'A@x': pw } }, /given twice/],
    [{ users: { 'a@x': '' } }, /password of a@x is empty/],
    [{ components: { 'a@x': pw } }, /a component is a domain/],
    [{ users: { 'a@x': pw }, components: { x: pw } }, /x has users/],
    [{ mechanisms: ['LOGIN'] }, /no mechanism LOGIN/],
    [{ users: { 'a@x': 'y' }, tokens: { [pw]: 'b@x' } }, /a token is for b@x, which is no user here/],
    [{ users: { 'a@x': 'y' }, tokens: { [pw]: 'a@x/r' } }, /a token is for a@x\/r/],
    [{ users: { 'a@x': 'y' }, tokens: { '': 'a@x' } }, /a token of a@x is empty/],
    [{ users: { 'a@x': 'y' }, certificates: { 'a@x': pw } }, /certificate of a@x is not one in PEM/],
    [{ port: -1 }, /port is a number/],
  ] as const) {
    const error: unknown = await startLoopback(options).catch(error => error)
    t.match(error, { message })
    t.notMatch(String(error), pw)
  }
  const taken = await startLoopback()
  await rejects(t, startLoopback({ port: taken.port }), { code: 'EADDRINUSE' })
  await taken.stop()
})
