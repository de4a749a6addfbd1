/** The ways to log in beside RFC 6120's own: XEP-0388, XEP-0078, tokens; and what a session may begin with. */
import { inspect } from 'node:util'
import t from 'tap'
import { type ClientNegotiation, type Negotiated, negotiateClient } from '../src/negotiate.ts'
import { external, mechanisms, scramSha1, scramSha1Plus } from '../src/sasl/index.ts'
import { plain } from '../src/sasl/plain.ts'
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
