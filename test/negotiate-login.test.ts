/** The ways to log in beside RFC 6120's own: XEP-0388, XEP-0078, tokens; and what a session may begin with. */
import { inspect } from 'node:util'
import t from 'tap'
import { type ClientNegotiation, type Negotiated, negotiateClient } from '../src/negotiate.ts'
import { external, type Mechanism, mechanisms, oauthbearer, scramSha1, scramSha1Plus } from '../src/sasl/index.ts'
import { plain } from '../src/sasl/plain.ts'
import type { Bindings } from '../src/stream/channel-bindings.ts'
import { XmlStream } from '../src/stream/stream.ts'
import { type Transport, transport } from '../src/stream/transport.ts'
import { HandClock } from './helper/clock.ts'
import { pair, settled } from './helper/pair.ts'
import { NS_STREAM } from './helper/peer.ts'
import { rejects } from './helper/rejects.ts'
import { openStream } from './helper/session.ts'
import { type PlayOptions, play } from './helper/transcript.ts'
import { underTls } from './helper/under-tls.ts'

const juliet: ClientNegotiation = {
  domain: 'im.example.com',
  resource: 'balcony',
  tls: 'never',
  credentials: async () => ({ username: 'juliet', password: 'r0m30myr0m30' }),
  mechanisms: [plain],
}
const sasl2 = { ...juliet, userAgentId: 'd4565fa7-4d72-4749-b3d3-740edbf87770', streamManagement: 'resumable' } as const
const anywhere = { ...sasl2, resource: undefined }
const resume = { id: 'the id', handled: 7 }

interface Run extends PlayOptions {
  readonly wrap?: (inner: Transport) => Transport
}

async function login(name: string, options: ClientNegotiation, { wrap = inner => inner, ...playing }: Run = {}) {
  const { near, far } = pair()
  const stream = new XmlStream(wrap(transport(near)), { ns: 'jabber:client', clock: new HandClock() })
  const [ours, theirs] = await Promise.allSettled([negotiateClient(stream, options), play(far, name, playing)])
  if (theirs.status === 'rejected') throw theirs.reason
  if (ours.status === 'rejected') throw ours.reason
  return ours.value
}

t.test('what a session begins with', async t => {
  const jid = 'juliet@im.example.com/balcony'
  const managed = { ...juliet, streamManagement: 'resumable' } as const
  const cases: [name: string, options: ClientNegotiation, want: Partial<Negotiated>, run?: Run][] = [
    ['client-sm.txt', managed, { jid, management: 'requested', streamId: 's2' }],
    ['client-sm-not-offered.txt', managed, { jid, management: undefined }],
    ['client-resume.txt', { ...managed, resume }, { jid: '', resumed: { handled: 3 } }],
    ['client-resume-failed.txt', { ...managed, resume }, { jid, notResumed: { handled: 3 }, management: 'requested' }],
    ['client-pipelined.txt', juliet, { jid, management: undefined }, { wrap: underTls }],
    [
      'client-pipelined-resume.txt',
      { ...juliet, resume },
      { jid, notResumed: { handled: undefined } },
      { wrap: underTls },
    ],
  ]
  for (const [name, options, want, run] of cases) {
    const { jid, management, resumed, notResumed, streamId, mechanism } = await login(name, options, run)
    t.match({ jid, management, resumed, notResumed, streamId, mechanism }, { mechanism: 'PLAIN', ...want }, name)
  }
  t.equal((await login('client-sm-not-offered.txt', juliet)).management, undefined)
  const waiting = { ...juliet, pipelining: false }
  t.equal(
    (await login('client-sm-not-offered.txt', waiting, { wrap: underTls })).jid,
    jid,
    'unless a tester wants to wait',
  )
})

t.test('XEP-0388', async t => {
  const resumable = { id: 'the id', location: '[::1]:5222', max: 60 }
  t.strictSame(await login('client-sasl2.txt', anywhere), {
    streamId: 's1',
    mechanism: 'PLAIN',
    binding: undefined,
    unbound: undefined,
    jid: 'juliet@im.example.com/res-xmpp.1',
    notResumed: undefined,
    management: { resumable },
  })
  const tagged = { ...anywhere, resource: 'res-xmpp', resourceTag: 'res-xmpp' }
  t.equal(
    (await login('client-sasl2.txt', tagged)).jid,
    'juliet@im.example.com/res-xmpp.1',
    'a usual resource may be completed',
  )
  t.match(await login('client-sasl2-resource.txt', sasl2), {
    jid: 'juliet@im.example.com/balcony',
    management: 'requested',
  })
  t.match(await login('client-sasl2-pipelined.txt', sasl2, { wrap: underTls }), {
    jid: 'juliet@im.example.com/balcony',
  })
  const waiting = { ...sasl2, pipelining: false }
  t.match(await login('client-sasl2-resource.txt', waiting, { wrap: underTls }), { management: 'requested' })
  t.match(await login('client-sasl2-resume.txt', { ...anywhere, resume }), { jid: '', resumed: { handled: 3 } })
  t.match(await login('client-sasl2-resume-failed.txt', { ...anywhere, resume }), {
    jid: 'juliet@im.example.com/res-xmpp.2',
    notResumed: { handled: 4 },
    resumed: undefined,
  })
  const failure = {
    name: 'SaslError',
    condition: 'account-disabled',
    message: /disabled.*the server says: Until Monday/,
  }
  await rejects(t, login('client-sasl2-failure.txt', anywhere), failure)
  await rejects(t, login('client-sasl2-continue.txt', anywhere), { condition: 'aborted', message: /<continue\/>/ })
  await rejects(t, login('client-sasl2-nobody.txt', anywhere), { condition: 'aborted', message: /as whom/ })
  const bare = { code: 'XMPP_BIND_FAILED', message: /without saying which/ }
  await rejects(t, login('client-sasl2-bound-bare.txt', anywhere), bare)
  t.equal((await login('client-sm-not-offered.txt', { ...juliet, sasl2: false })).mechanism, 'PLAIN')
})

t.test('XEP-0078', async t => {
  const old = { ...juliet, iqAuth: true }
  const want = { jid: 'juliet@im.example.com/balcony', mechanism: 'XEP-0078', streamId: 's1', management: undefined }
  const { jid, mechanism, streamId, management } = await login('client-iq-auth.txt', old)
  t.strictSame({ jid, mechanism, streamId, management }, want)
  t.match(await login('client-iq-auth-plain.txt', old, { wrap: underTls }), { jid: want.jid })
  t.match(await login('client-iq-auth-old.txt', old), { jid: want.jid })
  await rejects(t, login('client-iq-auth-plain-only.txt', old), { condition: 'encryption-required' })
  await rejects(t, login('client-iq-auth-asked-again.txt', old), {
    name: 'SaslError',
    condition: 'invalid-mechanism',
    message: /asks for the fields again/,
  })
  // §3.1: whoever hears the digest of a stream without an id can use it on the next one.
  for (const id of ['', " id=''"]) {
    for (const [fields, condition] of [
      ['<digest/>', 'invalid-mechanism'],
      ['<digest/><password/>', 'encryption-required'],
    ] as const) {
      const refused = login('client-iq-auth-no-id.txt', old, { words: { id, fields } })
      await rejects(t, refused, { name: 'SaslError', condition }, `${fields}${id}`)
    }
  }
  t.match(await login('client-iq-auth-no-id-plain.txt', old, { wrap: underTls }), { jid: want.jid, streamId: '' })
  const refusals: [code: string, want: object][] = [
    ['401', { name: 'SaslError', condition: 'not-authorized' }],
    ['406', { name: 'SaslError', condition: 'malformed-request' }],
    ['409', { code: 'XMPP_BIND_FAILED', condition: 'conflict' }],
    ['503', { name: 'SaslError', condition: 'invalid-mechanism', message: /usesasl=yes/ }],
    ['999', { name: 'SaslError', condition: 'not-authorized' }],
  ]
  for (const [code, want] of refusals) {
    await rejects(t, login('client-iq-auth-refused.txt', old, { words: { code } }), want, code)
  }
  await rejects(t, login('client-no-version.txt', juliet), { condition: 'unsupported-version' }, 'SASL needs features')
})

t.test('a token that is refused is renewed once', async t => {
  const asked: unknown[] = []
  const holder: ClientNegotiation = {
    ...juliet,
    credentials: async refused => {
      asked.push(refused?.token)
      return { username: 'juliet', token: refused === undefined ? 'old-token' : 'new-token' }
    },
    proofs: new Set(['token']),
    mechanisms,
  }
  t.match(await login('client-oauth-renewed.txt', holder), { mechanism: 'X-OAUTH2' })
  t.strictSame(asked, [undefined, 'old-token'])
  await rejects(t, login('client-oauth-refused.txt', holder), { name: 'SaslError', condition: 'not-authorized' })
  const stubborn = { ...holder, credentials: async () => ({ username: 'juliet', token: 'old-token' }) }
  const { near, far } = pair()
  const stream = new XmlStream(transport(near), { ns: 'jabber:client', clock: new HandClock() })
  const refused = negotiateClient(stream, stubborn)
  const played = play(far, 'client-oauth-refused.txt')
  played.catch(() => {})
  await rejects(t, refused, { condition: 'not-authorized' }, 'the same one is not shown twice')
  stream.destroy()
  await rejects(t, played, { message: /wanted <auth/ })
})

t.test('a server that hears no second token: what it said of the first is the reason', async t => {
  const holder: ClientNegotiation = {
    ...juliet,
    credentials: async refused => ({ username: 'juliet', token: refused === undefined ? 'old-token' : 'new-token' }),
    proofs: new Set(['token']),
    mechanisms,
  }
  const header = `<stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}' id='s2' version='1.0'>`
  const failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><credentials-expired/></failure>"
  const policy = "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
  for (const end of ['</stream:stream>', `<stream:error>${policy}</stream:error></stream:stream>`, undefined]) {
    const { stream, peer, far } = await openStream()
    const login = negotiateClient(stream, holder)
    login.catch(() => {})
    await settled()
    peer.write(`${header}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>
      <mechanism>X-OAUTH2</mechanism></mechanisms></stream:features>`)
    await settled()
    peer.write(failure)
    if (end === undefined) far.end()
    else peer.write(end)
    await rejects(t, login, { name: 'SaslError', condition: 'credentials-expired' }, end ?? 'hung up')
  }
})

t.test('an application may say more of a failure, and in front of it', async t => {
  const error = { condition: 'temporary-auth-failure', message: /cannot check logins at the moment/ }
  await rejects(t, login('client-sasl-failure-application.txt', juliet), error)
})

t.test('a server that repeats what it was shown', async t => {
  const holder: ClientNegotiation = {
    ...juliet,
    credentials: async () => ({ username: 'juliet', token: 'old-token' }),
    proofs: new Set(['token']),
    mechanisms,
  }
  for (const [name, options, secret] of [
    ['client-echo.txt', juliet, 'r0m30myr0m30'],
    ['client-oauth-echo.txt', holder, 'old-token'],
  ] as const) {
    const error = await login(name, options, { words: { secret } }).catch(error => error)
    t.match(error, { name: 'SaslError', message: /what is \[masked\]\?/ })
    t.notMatch(inspect(error, { depth: 9 }), secret)
  }
})

const listOf = (names: string): string =>
  names
    .split(' ')
    .map(name => `<mechanism>${name}</mechanism>`)
    .join('')
const classic = (names: string): string =>
  `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${listOf(names)}</mechanisms>`
const extensible = (names: string): string =>
  `<authentication xmlns='urn:xmpp:sasl:2'>${listOf(names)}</authentication>`
const exporter = `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>`
const channel: Bindings = new Map([['tls-exporter', () => Buffer.from('the channel')]])
const bindable = (inner: Transport): Transport => underTls(inner, channel)

t.test('what a SCRAM says of channel binding, RFC 5802 §6', async t => {
  const nonce = 'oMsTAAwAAAAMAAAANP0TAAAAAABPU0AA'
  const fixed = (mechanism: Mechanism): Mechanism => ({
    ...mechanism,
    start: context => mechanism.start({ ...context, nonce: () => nonce }),
  })
  const scram: ClientNegotiation = { ...juliet, mechanisms: [fixed(scramSha1Plus), fixed(scramSha1)] }
  const bare: ClientNegotiation = { ...scram, mechanisms: [fixed(scramSha1)] }
  const plus = 'SCRAM-SHA-1-PLUS SCRAM-SHA-1'
  const simple = 'client-scram-flag.txt'
  const sasl2 = 'client-sasl2-scram-flag.txt'
  const rows: readonly (readonly [
    what: string,
    flag: string,
    transcript: string,
    offer: string,
    options?: ClientNegotiation,
    wrap?: (inner: Transport) => Transport,
  ])[] = [
    ['kept from binding', 'y', simple, classic('SCRAM-SHA-1 PLAIN')],
    ['kept from it, though types are listed', 'y', simple, classic('SCRAM-SHA-1') + exporter],
    ['kept from it by XEP-0388', 'y', sasl2, extensible('SCRAM-SHA-1')],
    ['kept from it by both lists', 'y', sasl2, classic('SCRAM-SHA-1') + extensible('SCRAM-SHA-1')],
    ['wants no binding', 'n', simple, classic('SCRAM-SHA-1'), { ...scram, channelBinding: 'no' }],
    ['TLS that has nothing to bind to', 'n', simple, classic('SCRAM-SHA-1'), scram, underTls],
    ['no TLS', 'n', simple, classic('SCRAM-SHA-1'), scram, inner => inner],
    // Where -PLUS stands in either list `y` would be a lie, for which the server has to refuse the login.
    ['-PLUS, which is not to be used', 'n', simple, classic(plus) + exporter, bare],
    ['-PLUS, and no word to what', 'n', simple, classic(plus)],
    ['-PLUS by XEP-0388', 'n', simple, classic('SCRAM-SHA-1') + extensible(plus), { ...bare, sasl2: false }],
    ['-PLUS by RFC 6120', 'n', sasl2, classic(plus) + extensible('SCRAM-SHA-1'), bare],
    ['bound', 'p=tls-exporter', simple, classic(plus) + exporter],
    ['bound by XEP-0388', 'p=tls-exporter', sasl2, extensible(plus) + exporter],
    ['bound by the other list', 'p=tls-exporter', simple, classic(plus) + extensible('SCRAM-SHA-1') + exporter],
  ]
  for (const [what, flag, transcript, offer, options = scram, wrap = bindable] of rows) {
    const said = Buffer.from(`${flag},,n=juliet,r=${nonce}`).toString('base64')
    const mechanism = flag.startsWith('p') ? 'SCRAM-SHA-1-PLUS' : 'SCRAM-SHA-1'
    const refused = login(transcript, options, { wrap, words: { offer, mechanism, said } })
    await rejects(t, refused, { name: 'SaslError', condition: 'not-authorized' }, what)
  }
})

t.test('why a login is not bound though it could be: a matter of passwords only', async t => {
  const both = new Set(['password', 'token'] as const)
  const credentials = async () => ({ username: 'juliet', password: 'r0m30myr0m30', token: 'a-token' })
  const holder: ClientNegotiation = { ...juliet, credentials, proofs: both }
  const plus = (name: string): string => classic(`SCRAM-SHA-1-PLUS ${name}`)
  const silent = /^logging in without channel binding, though the server offers it: it does not say what it can bind to/
  const excluded = /^logging in without channel binding, .*: no mechanism that does it is to be used$/
  for (const [mechanism, offer, unbound, channelBinding] of [
    [plain, plus('PLAIN'), silent, 'auto'],
    [plain, plus('PLAIN') + exporter, excluded, 'auto'],
    [plain, plus('PLAIN') + exporter, undefined, 'no'],
    [plain, classic('PLAIN') + exporter, undefined, 'auto'],
    [oauthbearer, plus('OAUTHBEARER'), undefined, 'auto'],
    [oauthbearer, plus('OAUTHBEARER') + exporter, undefined, 'auto'],
  ] as const) {
    const words = { offer, mechanism: mechanism.name }
    const options = { ...holder, mechanisms: [mechanism], channelBinding }
    const result = await login('client-unbound.txt', options, { wrap: bindable, words })
    t.equal(result.binding, undefined)
    if (unbound === undefined) t.equal(result.unbound, undefined, offer)
    else t.match(result.unbound, unbound, offer)
  }
})

t.test('binding that is required cannot be talked out of', async t => {
  const required: ClientNegotiation = {
    ...juliet,
    channelBinding: 'required',
    mechanisms: [scramSha1Plus, scramSha1, external],
  }
  const proofs = new Set(['password', 'certificate'] as const)
  await rejects(t, login('client-scram-only.txt', required, { wrap: underTls }), { condition: 'invalid-mechanism' })
  await rejects(t, login('client-scram-only.txt', { ...required, proofs }, { wrap: underTls }), {
    condition: 'invalid-mechanism',
  })
  await rejects(t, login('client-hello.txt', { ...required, iqAuth: true }, { wrap: underTls }), {
    condition: 'invalid-mechanism',
    message: /XEP-0078/,
  })
})

t.test('of two lists the one that can be used', async t => {
  t.equal((await login('client-sasl2-useless.txt', juliet)).mechanism, 'PLAIN')
  const both = { ...juliet, mechanisms }
  await rejects(
    t,
    login('client-sasl2-weaker.txt', both),
    { condition: 'not-authorized' },
    'or that has the stronger one',
  )
  const kept = { ...anywhere, resume }
  t.match(
    await login('client-sasl2-resume-behind.txt', kept),
    { jid: '', resumed: { handled: 3 } },
    'bind would end what is to be resumed',
  )
})
