import t, { type Test } from 'tap'
import { SaslError } from '../../src/errors.ts'
import { NS_CHANNEL_BINDING } from '../../src/negotiate/sasl.ts'
import { NS_SASL, NS_TLS } from '../../src/negotiate.ts'
import type { ChannelBinding } from '../../src/sasl/channel-binding.ts'
import {
  anonymous,
  digestMd5,
  external,
  type Mechanism,
  mechanisms,
  oauthbearer,
  plain,
  refused,
  type SaslContext,
  scramSha1,
  scramSha1Plus,
  scramSha256Plus,
  scramSha512Plus,
  xOauth2,
} from '../../src/sasl/index.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { NS_STREAM } from '../../src/stream/namespaces.ts'
import type { XmlStream } from '../../src/stream/stream.ts'
import type { TlsTrust } from '../../src/stream/tls.ts'
import { type LoopbackOptions, makeCertificate } from '../../src/testing/index.ts'
import { stage } from './loopback-actors.ts'

const DOMAIN = 'one.example'
const alice = { username: 'alice', password: 'alice:pw' }

interface Ready {
  readonly stream: XmlStream
  readonly features: Element
}

/** A stream under TLS on which SASL may begin. */
const usual = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']
const bound = ['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', ...usual]

async function underTls(
  t: Test,
  options: LoopbackOptions = { mechanisms: bound },
  trust: TlsTrust = {},
): Promise<Ready> {
  const on = await stage(t, options)
  const stream = await on.raw()
  t.teardown(() => stream.destroy())
  await begin(stream)
  stream.send(el('starttls', NS_TLS))
  await stream.expect(NS_TLS, 'proceed')
  await stream.startTls({ domain: DOMAIN, ca: on.server.ca, ...trust })
  return { stream, features: await begin(stream) }
}

async function begin(stream: XmlStream): Promise<Element> {
  await stream.open({ to: DOMAIN, version: '1.0' })
  return stream.expect(NS_STREAM, 'features')
}

const names = (features: Element): readonly string[] =>
  features.child('mechanisms', NS_SASL)?.elements.map(each => each.text) ?? []

const encode = (text: string): string => Buffer.from(text).toString('base64') || '='
const decode = (text: string): string => Buffer.from(text, 'base64').toString()

/** Runs a client's mechanism: `success`, or what the error says. */
async function login(stream: XmlStream, mechanism: Mechanism, more: Partial<SaslContext> = {}): Promise<string> {
  const dialogue = mechanism.start({ credentials: async () => alice, domain: DOMAIN, ...more })
  let turn = await dialogue.next()
  const initial = typeof turn.value === 'string' ? [encode(turn.value)] : []
  stream.send(el('auth', NS_SASL, { ...mechanism.attrs, mechanism: mechanism.name }, ...initial))
  for (;;) {
    const reply = await stream.expect(NS_SASL, 'challenge', 'success', 'failure')
    if (reply.name === 'failure') {
      const failure = new SaslError(reply.elements[0]?.name ?? 'none')
      return refused(dialogue, failure).catch((error: Error) => error.message)
    }
    if (!turn.done) turn = await dialogue.next(decode(reply.text))
    if (reply.name === 'success') return turn.done ? 'success' : 'success came too early'
    stream.send(el('response', NS_SASL, {}, ...(turn.value ? [encode(turn.value)] : [])))
  }
}

function bindingOf({ stream }: Ready, type: ChannelBinding['type']): ChannelBinding {
  const data = stream.transport.tls?.bindings().get(type)?.()
  return { type, data: data ?? new Uint8Array() }
}

t.test('what is offered, by default and with -PLUS, and to what a login can be bound', async t => {
  const { features } = await underTls(t)
  t.strictSame(names(features), bound)
  const types = features.child('sasl-channel-binding', NS_CHANNEL_BINDING)?.elements.map(each => each.attrs.type)
  t.strictSame(types, ['tls-exporter', 'tls-server-end-point'])
  const without = await underTls(t, {})
  t.strictSame(names(without.features), usual)
  t.notOk(without.features.child('sasl-channel-binding', NS_CHANNEL_BINDING))

  const on = await stage(t, { starttls: 'none', mechanisms: bound })
  const clear = await begin(await on.raw())
  t.strictSame(names(clear), ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])
  t.notOk(clear.child('sasl-channel-binding', NS_CHANNEL_BINDING))
})

t.test('SCRAM bound to the channel', async t => {
  for (const mechanism of [scramSha512Plus, scramSha256Plus, scramSha1Plus]) {
    for (const type of ['tls-exporter', 'tls-server-end-point'] as const) {
      const ready = await underTls(t)
      const binding = bindingOf(ready, type)
      t.ok(binding.data.length)
      t.equal(await login(ready.stream, mechanism, { binding }), 'success', `${mechanism.name} ${type}`)
    }
  }
  const ready = await underTls(t)
  const other = bindingOf(await underTls(t), 'tls-exporter')
  t.equal(await login(ready.stream, scramSha1Plus, { binding: other }), 'not-authorized', 'another channel')
  const unlisted = { type: 'tls-unique', data: Buffer.of(1) } as const
  t.equal(await login(ready.stream, scramSha1Plus, { binding: unlisted }), 'malformed-request', 'not in TLS 1.3')
  const wrong = {
    credentials: async () => ({ ...alice, password: 'wrong' }),
    binding: bindingOf(ready, 'tls-exporter'),
  }
  t.equal(await login(ready.stream, scramSha1Plus, wrong), 'not-authorized', 'a wrong password')
})

t.test('who would have bound and was kept from it is refused, RFC 5802 §6', async t => {
  const { stream } = await underTls(t)
  t.equal(await login(stream, scramSha1, { couldBind: true }), 'not-authorized')
  t.equal(await login(stream, scramSha1, { couldBind: false }), 'success')
  const without = await underTls(t, { mechanisms: ['SCRAM-SHA-1'] })
  t.equal(await login(without.stream, scramSha1, { couldBind: true }), 'success', 'where there was no offer')
})

t.test('a -PLUS does not go without a channel, nor a SCRAM without -PLUS with one', async t => {
  const { stream } = await underTls(t)
  const renamed = (mechanism: Mechanism, name: string): Mechanism => ({ ...mechanism, name })
  t.equal(await login(stream, renamed(scramSha1, 'SCRAM-SHA-1-PLUS')), 'malformed-request')
  const binding: ChannelBinding = { type: 'tls-exporter', data: Buffer.alloc(32) }
  t.equal(await login(stream, renamed(scramSha1Plus, 'SCRAM-SHA-1'), { binding }), 'malformed-request')
  const on = await stage(t, { starttls: 'none', mechanisms: bound })
  const clear = await on.raw()
  await begin(clear)
  t.equal(await login(clear, scramSha1Plus, { binding }), 'encryption-required')
})

t.test('DIGEST-MD5', async t => {
  const options: LoopbackOptions = { mechanisms: ['DIGEST-MD5', 'PLAIN'], starttls: 'optional' }
  const { stream, features } = await underTls(t, options)
  t.strictSame(names(features), ['DIGEST-MD5', 'PLAIN'])
  const as = (username: string, password: string) => ({ credentials: async () => ({ username, password }) })
  t.equal(await login(stream, digestMd5, as('alice', 'wrong')), 'not-authorized')
  t.equal(await login(stream, digestMd5, as('nobody', 'alice:pw')), 'not-authorized')
  t.equal(await login(stream, digestMd5, { domain: 'two.example' }), 'not-authorized', 'for another domain')
  const right = await underTls(t, options)
  t.equal(await login(right.stream, digestMd5), 'success')
  const odd = await underTls(t, { ...options, users: { 'jülia@one.example': 'pä€"\\' } })
  t.equal(await login(odd.stream, digestMd5, as('jülia', 'pä€"\\')), 'success', 'beyond ASCII')
  const clear = await (await stage(t, options)).raw()
  t.strictSame(names(await begin(clear)), ['DIGEST-MD5'], 'in clear too')
  t.equal(await login(clear, digestMd5), 'success')
})

t.test('malformed DIGEST-MD5', async t => {
  const fields = (nonce: string): Record<string, string> => ({
    username: '"alice"',
    realm: '"one.example"',
    nonce: `"${nonce}"`,
    cnonce: '"x"',
    nc: '00000001',
    qop: 'auth',
    'digest-uri': '"xmpp/one.example"',
    response: '00000000000000000000000000000000',
  })
  const rows: readonly (readonly [alter: (fields: Record<string, string>) => Record<string, string>, string])[] = [
    [fields => fields, 'not-authorized'],
    [({ username, ...rest }) => rest, 'malformed-request'],
    [({ cnonce, ...rest }) => rest, 'malformed-request'],
    [fields => ({ ...fields, qop: 'auth-int' }), 'malformed-request'],
    [fields => ({ ...fields, Username: '"alice"' }), 'malformed-request'],
    [() => ({ x: 'y z' }), 'malformed-request'],
  ]
  for (const [alter, condition] of rows) {
    const { stream } = await underTls(t, { mechanisms: ['DIGEST-MD5'] })
    stream.send(el('auth', NS_SASL, { mechanism: 'DIGEST-MD5' }))
    const challenge = decode((await stream.expect(NS_SASL, 'challenge')).text)
    const nonce = /nonce="([^"]+)"/.exec(challenge)?.[1] ?? ''
    const said = Object.entries(alter(fields(nonce))).map(pair => pair.join('='))
    stream.send(el('response', NS_SASL, {}, encode(said.join(','))))
    t.ok((await stream.expect(NS_SASL, 'failure')).child(condition), condition)
  }
})

t.test('tokens', async t => {
  const options: LoopbackOptions = {
    mechanisms: ['X-OAUTH2', 'OAUTHBEARER'],
    tokens: { 'ya29.alice': 'alice@one.example', 'ya29.carol': 'carol@two.example' },
  }
  const as = (token: string, username = 'alice') => ({ credentials: async () => ({ username, token }) })
  const bearer = /^not-authorized: the server says invalid_token: the token has expired/
  for (const [mechanism, refusal] of [
    [xOauth2, /^not-authorized$/],
    [oauthbearer, bearer],
  ] as const) {
    const wrong = await underTls(t, options)
    t.match(await login(wrong.stream, mechanism, as('ya29.nobody')), refusal, mechanism.name)
    t.match(await login(wrong.stream, mechanism, as('ya29.carol', 'carol')), refusal, 'at another domain')
    t.match(await login(wrong.stream, mechanism, as('ya29.alice', 'bob')), /^(not-authorized|invalid-authzid)$/)
    const { stream, features } = await underTls(t, options)
    t.strictSame(names(features), ['X-OAUTH2', 'OAUTHBEARER'])
    t.equal(await login(stream, mechanism, as('ya29.alice')), 'success', mechanism.name)
  }
  const clear = await (await stage(t, { ...options, starttls: 'optional' })).raw()
  t.strictSame(names(await begin(clear)), [], 'not where it would be seen')
})

t.test('malformed tokens', async t => {
  for (const [mechanism, payload] of [
    ['X-OAUTH2', 'alice\0x'],
    ['X-OAUTH2', 'a\0alice\0x'],
    ['X-OAUTH2', '\0alice\0'],
    ['OAUTHBEARER', 'n,,'],
    ['OAUTHBEARER', 'p=tls-unique,,\x01auth=Bearer x\x01\x01'],
    ['OAUTHBEARER', 'n,,\x01auth=Bearer x\x01'],
    ['OAUTHBEARER', 'n,a=al=ice,\x01auth=Bearer x\x01\x01'],
  ] as const) {
    const { stream } = await underTls(t, { mechanisms: [mechanism] })
    stream.send(el('auth', NS_SASL, { mechanism }, encode(payload)))
    t.ok((await stream.expect(NS_SASL, 'failure')).child('malformed-request'), JSON.stringify(payload))
  }
})

t.test('EXTERNAL', async t => {
  const own = makeCertificate({ names: ['alice'], purpose: 'client' })
  const other = makeCertificate({ names: ['alice'], purpose: 'client' })
  const options: LoopbackOptions = {
    mechanisms: ['EXTERNAL', 'PLAIN'],
    certificates: { 'alice@one.example': own.cert },
  }
  const { stream, features } = await underTls(t, options, { cert: own.cert, key: own.key })
  t.strictSame(names(features), ['EXTERNAL', 'PLAIN'])
  t.equal(await login(stream, external), 'success')
  const stranger = await underTls(t, options, { cert: other.cert, key: other.key })
  t.equal(await login(stranger.stream, external), 'not-authorized')
  const none = await underTls(t, options)
  t.strictSame(names(none.features), ['PLAIN'], 'not to whoever shows no certificate')
  t.equal(await login(none.stream, external), 'invalid-mechanism')
  t.equal(await login(none.stream, plain), 'success')
})

t.test('ANONYMOUS', async t => {
  const guests = new Set<string | undefined>()
  for (let n = 0; n < 2; n++) {
    const { stream } = await underTls(t, { mechanisms: ['ANONYMOUS'] })
    t.equal(await login(stream, anonymous), 'success')
    await begin(stream)
    const bind = el('bind', 'urn:ietf:params:xml:ns:xmpp-bind')
    stream.send(el('iq', stream.ns, { type: 'set', id: 'b' }, bind))
    const jid = (await stream.expect(stream.ns, 'iq')).child('bind', bind.ns)?.childText('jid')
    t.match(jid, /^[0-9a-f-]{36}@one\.example\/./)
    guests.add(jid)
  }
  t.equal(guests.size, 2)
})

t.test('the server has all that the library has', async t => {
  const all = mechanisms.map(({ name }) => name)
  await stage(t, { mechanisms: all })
})
