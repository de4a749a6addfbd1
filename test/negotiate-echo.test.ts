/** A server that repeats what it was shown does so in vain: no error of a login holds a secret, whatever its form and wherever it stands. */
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { StreamError } from '../src/errors.ts'
import { hideInError } from '../src/negotiate/echo.ts'
import {
  type ClientNegotiation,
  handshakeDigest,
  NS_CLIENT,
  NS_COMPONENT,
  negotiateClient,
  negotiateComponent,
} from '../src/negotiate.ts'
import { digestMd5, oauthbearer, plain, scramSha1, xOauth2 } from '../src/sasl/index.ts'
import { hiding } from '../src/secret-forms.ts'
import { escapeXml } from '../src/stream/escape.ts'
import { XmlStream } from '../src/stream/stream.ts'
import { type Transport, transport } from '../src/stream/transport.ts'
import { HandClock } from './helper/clock.ts'
import { forms } from './helper/forms.ts'
import { pair } from './helper/pair.ts'
import { playText } from './helper/transcript.ts'
import { underTls } from './helper/under-tls.ts'

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams'
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** Text that is no ASCII, and letters that base64, XML and URLs each write in ways of their own. */
const password = 'r0m3&o<30>\u00ad/??\'\u2168"'
const token = 'ya29.a0&Af_>>>???~~'

type Run = (say: string) => Promise<unknown>

async function talk(dialogue: string, ns: string, negotiate: (stream: XmlStream) => Promise<unknown>, wrap: Wrap) {
  const { near, far } = pair()
  const stream = new XmlStream(wrap(transport(near)), { ns, clock: new HandClock() })
  const [ours, theirs] = await Promise.allSettled([
    negotiate(stream).catch(error => {
      stream.destroy()
      throw error
    }),
    playText(far, dialogue),
  ])
  if (ours.status === 'fulfilled') throw new Error('it should have been refused', { cause: theirs })
  return ours.reason as unknown
}

type Wrap = (inner: Transport) => Transport
const inClear: Wrap = inner => inner

const juliet: ClientNegotiation = {
  domain: 'im.example.com',
  resource: 'balcony',
  tls: 'never',
  credentials: async () => ({ username: 'juliet', password }),
  mechanisms: [plain],
}
const holder: ClientNegotiation = {
  ...juliet,
  credentials: async () => ({ username: 'juliet', token }),
  proofs: new Set(['token']),
}

const header = `C: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='im.example.com' version='1.0'>
S: <stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' id='s1' version='1.0'>
`
const offer = (mechanism: string): string =>
  `S: <stream:features><mechanisms xmlns='${SASL}'><mechanism>${mechanism}</mechanism></mechanisms></stream:features>\n`
const auth = `C: <auth xmlns='${SASL}' mechanism='{any}'>{any}</auth>\n`
const failure = (say: string): string =>
  `S: <failure xmlns='${SASL}'><not-authorized/><text>what is ${say}?</text></failure>\n`
const streamError = (say: string): string =>
  `S: <stream:error><not-authorized xmlns='${STREAMS}'/><text xmlns='${STREAMS}'>what is ${say}?</text><odd xmlns='o' a='${say}'>${say}</odd></stream:error></stream:stream>\n`
const refusal = (id: string, say: string): string =>
  `S: <iq type='error' id='${id}'><error type='auth'><not-authorized xmlns='${STANZAS}'/><text xmlns='${STANZAS}'>what is ${say}?</text><odd xmlns='o' a='${say}'>${say}</odd></error></iq>\n`
const asked = `${header}S: <stream:features/>
C: <iq type='get' id='fields' to='im.example.com'><query xmlns='jabber:iq:auth'><username>juliet</username></query></iq>
`
const wanted = `${asked}S: <iq type='result' id='fields'><query xmlns='jabber:iq:auth'><username/><digest/><resource/></query></iq>
C: <iq type='set' id='login' to='im.example.com'><query xmlns='jabber:iq:auth'><username>juliet</username><digest>{any}</digest><resource>balcony</resource></query></iq>
`
const bindRequest = `C: <auth xmlns='${SASL}' mechanism='PLAIN'>{any}</auth>
S: <success xmlns='${SASL}'/>
${header}S: <stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>
C: <iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>
`
const base64 = (text: string): string => Buffer.from(text).toString('base64')

function client(dialogue: (say: string) => string, options = juliet, wrap = inClear): Run {
  return say => talk(dialogue(say), NS_CLIENT, stream => negotiateClient(stream, options), wrap)
}
const old = { ...juliet, iqAuth: true }
const attached = `C: <stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='pbx.example.com'>
S: <stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='c1' from='pbx.example.com'>
C: <handshake xmlns='jabber:component:accept'>{any}</handshake>
`
const sasl2 = `${header}S: <stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism></authentication></stream:features>
C: <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>{any}</initial-response><user-agent><software>res-xmpp</software></user-agent></authenticate>
`

const component: Run = say =>
  talk(
    attached + streamError(say),
    NS_COMPONENT,
    stream => negotiateComponent(stream, { domain: 'pbx.example.com', secret: password }),
    inClear,
  )

/** Where a server can say something, and what it was shown there. */
const paths: Readonly<Record<string, readonly [secret: string, run: Run]>> = {
  SASL: [password, client(say => header + offer('PLAIN') + auth + failure(say))],
  'SASL, and a stream error': [password, client(say => header + offer('PLAIN') + auth + streamError(say))],
  'XEP-0388': [
    password,
    client(
      say =>
        `${sasl2}S: <failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='${SASL}'/><text>what is ${say}?</text></failure>\n`,
    ),
  ],
  'XEP-0388, and a stream error': [password, client(say => sasl2 + streamError(say))],
  'X-OAUTH2': [
    token,
    client(
      say =>
        header +
        offer('X-OAUTH2') +
        auth.replace('>{any}', " xmlns:auth='http://www.google.com/talk/protocol/auth' auth:service='oauth2'>{any}") +
        failure(say),
      { ...holder, mechanisms: [xOauth2] },
    ),
  ],
  OAUTHBEARER: [
    token,
    client(say => header + offer('OAUTHBEARER') + auth + failure(say), { ...holder, mechanisms: [oauthbearer] }),
  ],
  'XEP-0078': [password, client(say => wanted + refusal('login', say), old)],
  'XEP-0078, the question': [password, client(say => asked + refusal('fields', say), old)],
  'XEP-0078, and a stream error': [password, client(say => wanted + streamError(say), old)],
  bind: [password, client(say => header + offer('PLAIN') + bindRequest + refusal('bind', say))],
  'bind, and a stream error': [password, client(say => header + offer('PLAIN') + bindRequest + streamError(say))],
  component: [password, component],
}

/** The error as a program, a log or a curious person sees it. */
function showsNothing(t: Test, error: unknown, said: string, what: string): void {
  const all =
    inspect(error, { depth: 20, showHidden: true, maxStringLength: null }) +
    JSON.stringify(error) +
    String((error as Error).stack)
  t.notOk(all.includes(said), `${what}: ${said}`)
  t.match((error as Error).message, /\[masked\]/, what)
}

t.test('whatever the form, and wherever it stands', async t => {
  for (const [path, [secret, run]] of Object.entries(paths)) {
    await t.test(path, async t => {
      for (const [what, form] of Object.entries(forms)) {
        const said = await form(secret)
        showsNothing(t, await run(escapeXml(said)), said, what)
      }
    })
  }
})

t.test('what was made of a secret', async t => {
  const digest = createHash('sha1').update(`s1${password}`).digest('hex')
  for (const path of ['XEP-0078', 'XEP-0078, and a stream error']) {
    showsNothing(t, await paths[path]?.[1](digest), digest, path)
  }
  const proof = handshakeDigest('c1', password)
  showsNothing(t, await component(proof), proof, 'component')

  const nonce = 'cmFuZG9t'
  const digestOptions: ClientNegotiation = { ...juliet, mechanisms: [digestMd5] }
  let heard = ''
  const { near, far } = pair()
  const stream = new XmlStream(transport(near), { ns: NS_CLIENT, clock: new HandClock() })
  stream.trace = (direction, element) => {
    if (direction === 'out' && element.name === 'response') heard = element.text
  }
  const challenge = `${header}${offer('DIGEST-MD5')}C: <auth xmlns='${SASL}' mechanism='DIGEST-MD5'/>
S: <challenge xmlns='${SASL}'>${base64(`realm="im.example.com",nonce="${nonce}",qop="auth",charset=utf-8,algorithm=md5-sess`)}</challenge>
C: <response xmlns='${SASL}'>{response}</response>
S: <failure xmlns='${SASL}'><not-authorized/><text>what is {response}?</text></failure>
`
  const [ours] = await Promise.allSettled([negotiateClient(stream, digestOptions), playText(far, challenge)])
  t.match(heard, /^.{40}/)
  showsNothing(t, ours.status === 'rejected' && ours.reason, heard, 'DIGEST-MD5')
})

t.test('as the name of an element', async t => {
  const secret = 'r0m30myr0m30'
  const named = { ...juliet, credentials: async () => ({ username: 'juliet', password: secret }) }
  const cases: [what: string, dialogue: string, options: ClientNegotiation][] = [
    ['failure', `${header}${offer('PLAIN')}${auth}S: <failure xmlns='${SASL}'><${secret}/></failure>\n`, named],
    [
      'stream error',
      `${header}${offer('PLAIN')}${auth}S: <stream:error><${secret} xmlns='${STREAMS}'/></stream:error>\n`,
      named,
    ],
    ['what was not expected', `${header}${offer('PLAIN')}${auth}S: <${secret}/>\n`, named],
    ['its namespace', `${header}${offer('PLAIN')}${auth}S: <x xmlns='${secret}'/>\n`, named],
    [
      'fields',
      `${asked}S: <iq type='result' id='fields'><query xmlns='jabber:iq:auth'><${secret}/></query></iq>\n`,
      { ...named, iqAuth: true },
    ],
  ]
  for (const [what, dialogue, options] of cases) {
    showsNothing(t, await client(() => dialogue, options)(''), secret, what)
  }
})

t.test('the words of a mechanism', async t => {
  const secret = 'r0m30myr0m30'
  const named = {
    ...juliet,
    mechanisms: [scramSha1],
    credentials: async () => ({ username: 'juliet', password: secret }),
  }
  const scram = `${header}${offer('SCRAM-SHA-1')}${auth}S: <challenge xmlns='${SASL}'>${base64(`e=no-${secret}`)}</challenge>\nC: <abort xmlns='${SASL}'/>\n`
  showsNothing(t, await client(() => scram, named)(''), secret, 'SCRAM')
  const status = JSON.stringify({ status: `${'x'.repeat(90)}${base64(`\0${token}`)}` })
  const bearer = `${header}${offer('OAUTHBEARER')}${auth}S: <challenge xmlns='${SASL}'>${base64(status)}</challenge>
C: <response xmlns='${SASL}'>AQ==</response>
S: <failure xmlns='${SASL}'><not-authorized/></failure>
`
  const error = await client(() => bearer, { ...holder, mechanisms: [oauthbearer] })('')
  showsNothing(t, error, base64(`\0${token}`).slice(0, 8), 'OAUTHBEARER')
})

t.test('our own words stay, and so do the conditions of the RFC', async t => {
  const named = { ...juliet, credentials: async () => ({ username: 'juliet', password: 'password' }) }
  const error = await client(() => header + offer('PLAIN') + auth + failure('password'), named)('')
  t.match(error, {
    condition: 'not-authorized',
    message:
      /^not-authorized: the server does not accept this user name with this password, .*says: what is \[masked\]\?$/,
  })
  const unlucky = { ...juliet, credentials: async () => ({ username: 'juliet', password: 'conflict' }) }
  const conflict = `S: <stream:error><conflict xmlns='${STREAMS}'/><text xmlns='${STREAMS}'>conflict</text></stream:error>\n`
  t.match(await client(() => header + offer('PLAIN') + auth + conflict, unlucky)(''), {
    condition: 'conflict',
    text: '[masked]',
  })
  const foreign = new Error('password')
  t.equal(hideInError(foreign, hiding(['password'])), foreign)
  t.equal(foreign.message, 'password', 'an error of the caller is not ours to change')
  const refused = { ...juliet, credentials: () => Promise.reject(foreign) }
  t.equal(await client(() => header + offer('PLAIN'), refused)(''), foreign)
})

t.test('what is cut off in a message is hidden before that', async t => {
  const error = await client(say => header + offer('PLAIN') + auth + streamError(say))(
    `${'z'.repeat(480)}${escapeXml(password)}`,
  )
  t.match(error, StreamError)
  t.match((error as StreamError).message, /z\[masked\]\?$/)
  t.match((error as StreamError).text, /z\[masked\]\?$/)
})

t.test('over TLS it is the same', async t => {
  const tls = client(say => header + offer('PLAIN') + auth + failure(say), juliet, underTls)
  showsNothing(t, await tls(escapeXml(password)), password, 'TLS')
})
