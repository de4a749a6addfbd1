import { readFileSync } from 'node:fs'
import t from 'tap'
import { XmppError } from '../src/errors.ts'
import {
  type ClientNegotiation,
  handshakeDigest,
  type Negotiated,
  negotiateClient,
  negotiateComponent,
} from '../src/negotiate.ts'
import type { Mechanism } from '../src/sasl/mechanism.ts'
import { plain } from '../src/sasl/plain.ts'
import { scramSha1 } from '../src/sasl/scram.ts'
import { XmlStream } from '../src/stream/stream.ts'
import { type Transport, transport } from '../src/stream/transport.ts'
import { HandClock } from './helper/clock.ts'
import { type End, pair, settled } from './helper/pair.ts'
import { rejects } from './helper/rejects.ts'
import { type PlayOptions, play, playText } from './helper/transcript.ts'
import { underTls } from './helper/under-tls.ts'

// RFC 6120 §9.1.2
const scram: Mechanism = {
  ...scramSha1,
  start: context => scramSha1.start({ ...context, nonce: () => 'oMsTAAwAAAAMAAAANP0TAAAAAABPU0AA' }),
}

const juliet: ClientNegotiation = {
  domain: 'im.example.com',
  resource: 'balcony',
  tls: 'never',
  credentials: async () => ({ username: 'juliet', password: 'r0m30myr0m30' }),
  mechanisms: [scram, plain],
}

interface Side {
  readonly stream: XmlStream
  readonly near: End
  readonly far: End
}

function side(ns = 'jabber:client', wrap: (inner: Transport) => Transport = inner => inner): Side {
  const { near, far } = pair()
  return { near, far, stream: new XmlStream(wrap(transport(near)), { ns, clock: new HandClock() }) }
}

/** Plays a transcript against the client; both sides have to come to their end. */
async function client(
  name: string,
  options: Partial<ClientNegotiation> = {},
  playing: PlayOptions = {},
): Promise<Negotiated> {
  const { stream, far } = side()
  const played = play(far, name, playing)
  const [result] = await both(negotiateClient(stream, { ...juliet, ...options }), played)
  return result
}

/** Both, or the first error; the dialogue's own comes before what it led to. */
async function both<T>(code: Promise<T>, played: Promise<unknown>): Promise<[T]> {
  const [ours, theirs] = await Promise.allSettled([code, played])
  if (theirs.status === 'rejected') throw theirs.reason
  if (ours.status === 'rejected') throw ours.reason
  return [ours.value]
}

t.test('logging in', async t => {
  const bound = { jid: 'juliet@im.example.com/balcony', streamId: 's2' }
  const logins: [name: string, mechanism: string][] = [
    ['client-plain.txt', 'PLAIN'],
    ['client-scram.txt', 'SCRAM-SHA-1'],
    ['client-scram-proof-in-challenge.txt', 'SCRAM-SHA-1'],
    ['client-session-required.txt', 'PLAIN'],
    ['client-session-optional.txt', 'PLAIN'],
    ['client-features-order.txt', 'PLAIN'],
    ['client-jabberd2.txt', 'PLAIN'],
  ]
  for (const [name, mechanism] of logins) t.match(await client(name), { ...bound, mechanism }, name)
})

t.test('what the server may refuse', async t => {
  await rejects(t, client('client-sasl-failure.txt'), {
    name: 'SaslError',
    code: 'XMPP_SASL_FAILURE',
    condition: 'not-authorized',
    message: /^not-authorized: the server does not accept .*; the server says: Sorry, no\.$/,
  })
  await rejects(t, client('client-sasl-failure-empty.txt'), { name: 'SaslError', condition: 'not-authorized' })
  await rejects(t, client('client-bind-refused.txt'), {
    code: 'XMPP_BIND_FAILED',
    message: /conflict/,
    cause: { code: 'XMPP_STANZA_ERROR', condition: 'conflict', type: 'cancel' },
  })
  await rejects(t, client('client-session-refused.txt'), {
    code: 'XMPP_BIND_FAILED',
    message: /<session>.*internal-server-error/,
  })
  await rejects(t, client('client-starttls-failure.txt', { tls: 'required' }), { code: 'XMPP_TLS_REFUSED' })
})

t.test('what the server may not do', async t => {
  await rejects(t, client('client-bind-no-jid.txt'), { code: 'XMPP_BIND_FAILED' })
  await rejects(t, client('client-bind-not-offered.txt'), { code: 'XMPP_BIND_FAILED' })
  await rejects(t, client('client-bind-wrong-id.txt'), { name: 'StreamError', condition: 'bad-format', by: 'us' })
  await rejects(t, client('client-sasl-stray-stanza.txt'), {
    name: 'StreamError',
    condition: 'unsupported-stanza-type',
  })
  await rejects(t, client('client-no-version.txt'), { name: 'StreamError', condition: 'unsupported-version' })
})

t.test('success counts only when the server has proved itself', async t => {
  for (const name of [
    'client-scram-no-proof.txt',
    'client-scram-wrong-proof.txt',
    'client-scram-wrong-proof-in-challenge.txt',
    'client-scram-success-at-once.txt',
    'client-scram-success-instead-of-challenge.txt',
    'client-scram-no-end.txt',
    'client-scram-foreign-nonce.txt',
  ]) {
    await rejects(t, client(name), { name: 'SaslError', code: 'XMPP_SASL_FAILURE', condition: 'aborted' }, name)
  }
  // The last two are base64 of r=ÿ in Latin-1, and of r= with bits set that stand for nothing.
  for (const challenge of ['r=not,base64', 'cj3/', 'cj1=']) {
    const refused = client('client-scram-not-base64.txt', {}, { words: { challenge } })
    await rejects(t, refused, { name: 'SaslError', condition: 'incorrect-encoding' }, challenge)
  }
})

t.test('TLS or no session', async t => {
  await rejects(t, client('client-no-starttls.txt', { tls: 'required' }), {
    code: 'XMPP_TLS_UNAVAILABLE',
    message: /im\.example\.com offers no STARTTLS/,
  })
  for (const behind of ['<stream:features/>', '<', ' ', '<stream:stream xmlns=', '\u00e9', '</stream:stream>']) {
    await rejects(
      t,
      client('client-starttls-injection.txt', { tls: 'required' }, { words: { behind } }),
      { name: 'StreamError', condition: 'policy-violation', by: 'us' },
      `${JSON.stringify(behind)} behind <proceed/>`,
    )
  }
})

t.test('half a character behind <proceed/> is refused too', async t => {
  const { stream, far } = side()
  const negotiated = negotiateClient(stream, { ...juliet, tls: 'required' })
  negotiated.catch(() => {})
  const script = readFileSync(new URL('transcript/client-starttls-injection.txt', import.meta.url), 'utf8')
  await playText(far, script.slice(0, script.indexOf('S: <proceed')))
  far.write(Buffer.concat([Buffer.from("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), Buffer.of(0xc3)]))
  await rejects(t, negotiated, { condition: 'policy-violation' })
})

t.test('PLAIN needs TLS, or a user who said never', async t => {
  const offer = `
C: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='im.example.com' version='1.0'>
S: <stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' id='s1' version='1.0'>
  <stream:features>
  <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>
C: <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMG15cjBtMzA=</auth>
S: <failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><credentials-expired/></failure>`
  const { stream, far } = side('jabber:client', underTls)
  const played = playText(far, offer)
  await rejects(t, both(negotiateClient(stream, { ...juliet, tls: 'required' }), played), {
    condition: 'credentials-expired',
  })
})

t.test('progress, in the words of the console', async t => {
  const seen: string[] = []
  await client('client-plain.txt', { onProgress: progress => seen.push(progress) })
  t.same(seen, ['Waiting to authenticate', 'Authenticating'])
  seen.length = 0
  const failed = client('client-starttls-failure.txt', { tls: 'required', onProgress: progress => seen.push(progress) })
  await rejects(t, failed, { code: 'XMPP_TLS_REFUSED' })
  t.same(seen, ['Waiting to request TLS', 'Requested TLS'])
})

t.test('credentials that cannot be had are an error before anything is sent', async t => {
  const { stream, far } = side()
  const script = readFileSync(new URL('transcript/client-plain.txt', import.meta.url), 'utf8')
  const played = playText(far, script.slice(0, script.indexOf('C: <auth')))
  const credentials = async () => {
    throw new XmppError('XMPP_OAUTH', 'no token')
  }
  await rejects(t, both(negotiateClient(stream, { ...juliet, credentials }), played), { code: 'XMPP_OAUTH' })
})

const noStream = { name: 'StreamError', condition: /^(not-well-formed|bad-format|invalid-namespace)$/, by: 'us' }

/** What the peer does instead of going on, and what the caller then gets. */
const endings: [what: string, end: (side: Side) => void, error: object][] = [
  [
    'a stream error',
    ({ far }) =>
      far.write(
        `<stream:error xmlns:stream='http://etherx.jabber.org/streams'><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>back soon</text></stream:error></stream:stream>`,
      ),
    { name: 'StreamError', condition: 'system-shutdown', text: 'back soon', by: 'peer' },
  ],
  ['the close tag', ({ far }) => far.write('</stream:stream>'), { code: 'XMPP_STREAM_ENDED' }],
  ['the end of the connection', ({ far }) => far.end(), { code: 'XMPP_CONNECTION_LOST' }],
  [
    'a reset',
    ({ near }) => near.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })),
    { code: 'XMPP_CONNECTION_LOST', cause: { code: 'ECONNRESET' } },
  ],
  [
    'something else',
    ({ far }) => far.write("<surprise xmlns='urn:x'/>"),
    { name: 'StreamError', condition: 'unsupported-stanza-type', by: 'us' },
  ],
  [
    'no XML',
    ({ far }) => far.write('HTTP/1.1 400 Bad Request & so on\r\n\r\n<a <b>'),
    { name: 'StreamError', by: 'us' },
  ],
]

for (const [name, ns, start] of [
  ['client-scram.txt', 'jabber:client', (stream: XmlStream) => negotiateClient(stream, juliet)],
  ['client-session-required.txt', 'jabber:client', (stream: XmlStream) => negotiateClient(stream, juliet)],
  [
    'client-starttls-injection.txt',
    'jabber:client',
    (stream: XmlStream) => negotiateClient(stream, { ...juliet, tls: 'required' }),
  ],
  [
    'component-handshake.txt',
    'jabber:component:accept',
    (stream: XmlStream) => negotiateComponent(stream, { domain: 'plays.shakespeare.lit', secret: 'test' }),
  ],
] as const) {
  t.test(`${name}, broken off before each thing the server says`, async t => {
    const lines = readFileSync(new URL(`transcript/${name}`, import.meta.url), 'utf8').split('\n')
    const steps = lines.flatMap((line, index) => (line.startsWith('S:') ? [index] : []))
    for (const step of steps) {
      for (const [what, end, error] of endings) {
        const opened = side(ns)
        const outcome = start(opened.stream)
        outcome.catch(() => {})
        const peer = await playText(opened.far, lines.slice(0, step).join('\n'), name)
        end(opened)
        // In place of a header all of these are the beginning of no stream.
        const header = /^S:[^\n]*(\n +)?<stream:stream/.test(lines.slice(step).join('\n'))
        const wanted = header && !what.startsWith('the end') && what !== 'a reset' ? noStream : error
        await rejects(t, outcome, wanted, `line ${step + 1}: ${what}`)
        t.equal(opened.near.listenerCount('drain'), 0)
        peer.duplex.destroy()
        await settled()
      }
    }
  })
}

t.test('the restarted stream may come in the chunk of <success/>, cut anywhere', async t => {
  const head =
    "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' id='s1' version='1.0'>"
  const offer = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
  const rest = Buffer.from(
    `<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>${head.replace('s1', 's2')}<stream:features>
    <n xmlns='urn:x'>sch\u00f6n \u{1f600}</n><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>
    <iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>j\u00fcliet@im.example.com/b</jid></bind></iq>`,
  )
  for (let cut = 1; cut < rest.length; cut++) {
    const { stream, far } = side()
    const bound = negotiateClient(stream, juliet)
    far.write(`${head}<stream:features>${offer}</stream:features>`)
    await settled()
    far.write(rest.subarray(0, cut))
    await settled()
    far.write(rest.subarray(cut))
    const result = await bound.catch(error => error)
    if (result.jid !== 'j\u00fcliet@im.example.com/b') {
      t.fail(`cut at ${cut}`, { cut, result })
      return
    }
  }
  t.pass('every cut')
})

t.test('components', async t => {
  const component = async (name: string, secret = 'test') => {
    const { stream, far } = side('jabber:component:accept')
    const played = play(far, name)
    const [result] = await both(negotiateComponent(stream, { domain: 'plays.shakespeare.lit', secret }), played)
    return result
  }
  t.same(await component('component-handshake.txt'), {
    jid: 'plays.shakespeare.lit',
    streamId: '3BF96D32',
    mechanism: 'handshake',
  })
  await rejects(t, component('component-refused.txt', 'wrong'), {
    name: 'StreamError',
    condition: 'not-authorized',
    by: 'peer',
    message: 'not-authorized: Given token does not match calculated token',
  })
  await rejects(t, component('component-host-unknown.txt'), {
    name: 'StreamError',
    condition: 'host-unknown',
    by: 'peer',
    message: /does not match any configured/,
  })
  await rejects(t, component('component-wrong-port.txt'), {
    name: 'StreamError',
    condition: 'invalid-namespace',
    by: 'us',
  })
  t.equal(handshakeDigest('3BF96D32', 'test'), 'aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e')
  t.equal(handshakeDigest('\u00e9', '\u{1f511}&'), 'f04f19d6196b5113e5f0f70c2b6ddf767cf0d304')
})
