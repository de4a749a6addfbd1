/** What a server repeats of a secret gets into no line of the log, with `xmpp set debug on` neither. */
import t, { type Test } from 'tap'
import type { Account } from '../../src/account/index.ts'
import type { AccountConfig } from '../../src/config/index.ts'
import { Log } from '../../src/daemon/log.ts'
import { logEvents } from '../../src/daemon/log-events.ts'
import { escapeAttribute, escapeXml } from '../../src/stream/escape.ts'
import { clientConfig, componentConfig, login, script, watched } from '../account/setting.ts'
import { forms } from '../helper/forms.ts'

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams'
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
const secret = 'r0m3&o<30>\u00ad/??\'\u2168"'

const header = `C: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>
S: <stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' id='s1' version='1.0'>
`
const plain = `${header}S: <stream:features><mechanisms xmlns='${SASL}'><mechanism>PLAIN</mechanism></mechanisms></stream:features>
C: <auth xmlns='${SASL}' mechanism='PLAIN'>{auth}</auth>
`
const sasl2 = `${header}S: <stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism></authentication></stream:features>
C: <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>{auth}</initial-response><user-agent id='{any}'><software>res-xmpp</software></user-agent></authenticate>
`
const old = `${header}S: <stream:features/>
C: <iq type='get' id='fields' to='example.com'><query xmlns='jabber:iq:auth'><username>juliet</username></query></iq>
S: <iq type='result' id='fields'><query xmlns='jabber:iq:auth'><username/><digest/><resource/></query></iq>
C: <iq type='set' id='login' to='example.com'><query xmlns='jabber:iq:auth'><username>juliet</username><digest>{proof}</digest><resource>balcony</resource></query></iq>
`
const component = `C: <stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='pbx.example.com'>
S: <stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='c1' from='pbx.example.com'>
C: <handshake xmlns='jabber:component:accept'>{proof}</handshake>
`
const streamError = (say: string): string =>
  `S: <stream:error><not-authorized xmlns='${STREAMS}'/><text xmlns='${STREAMS}'>what is ${say}?</text></stream:error></stream:stream>\n`

const client = (port: number): AccountConfig => clientConfig(port, `secret=${secret}\ndebug=yes`)
const paths: Readonly<Record<string, [config: (port: number) => AccountConfig, dialogue: (say: string) => string]>> = {
  SASL: [
    client,
    say =>
      `${plain}S: <failure xmlns='${SASL}' was='${say}'><not-authorized/><text>what is ${say}?</text><x xmlns='y' a='${say}'>${say}</x></failure>\n`,
  ],
  'SASL, and a stream error': [client, say => plain + streamError(say)],
  'XEP-0388': [
    client,
    say =>
      `${sasl2}S: <failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='${SASL}'/><text>what is ${say}?</text></failure>\n`,
  ],
  'XEP-0078': [
    port => clientConfig(port, `secret=${secret}\ndebug=yes\nusesasl=no`),
    say =>
      `${old}S: <iq type='error' id='login'><error type='auth'><not-authorized xmlns='${STANZAS}'/><text xmlns='${STANZAS}'>what is ${say}?</text></error></iq>\n`,
  ],
  component: [port => componentConfig(port, `secret=${secret}\ndebug=yes`), say => component + streamError(say)],
}

t.test('whatever the form, and wherever it stands', async t => {
  for (const [path, [config, dialogue]] of Object.entries(paths)) {
    await t.test(path, async t => {
      const { port, accept } = await script(t)
      for (const [what, form] of [...Object.entries(forms), ...derived(path)]) {
        const { account, next } = watched(t, config(port))
        const log = logged(account)
        account.start()
        const { play, socket } = await accept()
        const said = await form(secret)
        await play(`${dialogue(escapeXml(said))}C: </stream:stream>\n`)
        await next('offline')
        const [warning = ''] = /^WARNING .*$/m.exec(log()) ?? []
        t.match(warning, /what is \[masked\]\?/, what)
        // Of what was played a word stands for what we have sent.
        for (const text of new Set([said, escapeXml(said), escapeAttribute(said)])) t.notOk(log().includes(text), what)
        t.notMatch(log(), /r0m3/, what)
        await account.stop()
        socket.destroy()
      }
    })
  }
})

/** What the daemon has logged of an account so far. */
function logged(account: Account): () => string {
  let log = ''
  const write = (text: string): void => {
    log += text
  }
  logEvents(account, new Log({ write, timestamps: false }))
  return () => log
}

/** An account on its way to a server that the test plays. */
async function started(t: Test, config: (port: number) => AccountConfig) {
  const { port, accept } = await script(t)
  const { account, next } = watched(t, config(port))
  const log = logged(account)
  account.start()
  const { play } = await accept()
  return { account, next, log, play }
}

/** What we have sent, as the transcript knows it. */
function derived(path: string): [string, (secret: string) => string][] {
  if (path === 'XEP-0078' || path === 'component') return [['the digest', () => '{proof}']]
  return [['what we have said', () => '{auth}']]
}

t.test('as the name of an element, an attribute, a namespace', async t => {
  const { next, log, play } = await started(t, port => clientConfig(port, 'secret=r0m30myr0m30\ndebug=yes'))
  const odd = `<r0m30myr0m30><x xmlns='r0m30myr0m30' r0m30myr0m30=''/></r0m30myr0m30>`
  await play(`${plain}S: <failure xmlns='${SASL}'>${odd}</failure>\nC: </stream:stream>\n`)
  await next('offline')
  t.notMatch(log(), /r0m30my/)
  t.match(log(), /<failure xmlns='[^']*'><masked><x xmlns='masked' masked=''\/><\/masked><\/failure>/)
  t.match(log(), /^WARNING .*refused the login .*: \[masked\]; trying again/m)
})

t.test('what was sent stands in the dump once, masked', async t => {
  const { next, log, play } = await started(t, port => componentConfig(port, 'debug=yes'))
  await play(`${component}${streamError('{proof}')}C: </stream:stream>\n`)
  await next('offline')
  t.match(log(), /<handshake xmlns='jabber:component:accept'>\[masked\]<\/handshake>/)
  t.notMatch(log(), /[0-9a-f]{40}/)
})

t.test('in the dump all is looked through, and what the account sends and delivers is not touched', async t => {
  const { account, next, log, play } = await started(t, port => clientConfig(port, 'secret=secret\ndebug=yes'))
  const body = `it is secret, ${Buffer.from('\0juliet\0secret').toString('base64')}`
  await play(`${login()}S: <message type='chat' from='romeo@example.com'><body>${body}</body></message>\n`)
  const { message } = await next('message')
  t.equal(message.body, body)
  t.match(log(), /<body>it is \[masked\], \[masked\]<\/body>/)
  const id = account.send('romeo@example.com', 'no secret')
  await play(
    `C: <message type='chat' to='romeo@example.com' from='{any}' id='{any}'><body>no secret</body></message>\n`,
  )
  t.ok(await id)
  t.match(log(), /<body>no \[masked\]<\/body>/)
})

t.test('what a server says later', async t => {
  const { account, next, log, play } = await started(t, port => clientConfig(port, 'secret=s3cr3ts3cr3t'))
  const error = `<error type='cancel'><item-not-found xmlns='${STANZAS}'/><text xmlns='${STANZAS}'>no s3cr3ts3cr3t</text></error>`
  const dialogue = login()
    .replace('AGp1bGlldABzZWNyZXQ=', Buffer.from('\0juliet\0s3cr3ts3cr3t').toString('base64'))
    .replace(/^S: <iq type='result' id='{roster}'.*$/m, `S: <iq type='error' id='{roster}'>${error}</iq>`)
  await play(dialogue)
  await next('connected')
  const id = await account.send('romeo@example.com', 'hello')
  const sent = `C: <message type='chat' to='romeo@example.com' from='{any}' id='${id}'><body>hello</body></message>\n`
  await play(`${sent}S: <message type='error' from='romeo@example.com' id='${id}'>${error}</message>\n`)
  await next('bounce')
  t.match(log(), /^WARNING .*the roster could not be read: .*no \[masked\]$/m)
  t.match(log(), /^WARNING .*to romeo@example\.com was not delivered: .*no \[masked\]$/m)
  t.notMatch(log(), /s3cr3t/)
})
