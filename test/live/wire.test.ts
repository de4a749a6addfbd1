/** What real servers say and do on the wire, each in its own way: features, broken XML, stanzas too large. */
import t, { type Test } from 'tap'
import { type ComponentOptions, connectComponent, type Element, type Session, sendPing } from '../../src/index.ts'
import { NS_BIND, NS_CLIENT } from '../../src/negotiate.ts'
import { NS_STREAM } from '../../src/stream/namespaces.ts'
import { rejects } from '../helper/rejects.ts'
import { Waiters } from '../helper/waiters.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { loginOnly, newUser } from './users.ts'

t.setTimeout(120_000)

/** The draft of XEP-0198 that jabberd2 announces, by a prefix that its stream header declares. */
const NS_ACK = 'http://www.xmpp.org/extensions/xep-0198.html#ns'

/** What XML that is none is called; RFC 3920's name of it is longer. */
const broken = { prosody: 'not-well-formed', ejabberd: 'not-well-formed', jabberd2: 'xml-not-well-formed' }

/** What 600 kB in a client's stanza are answered with; jabberd2 says nothing, and reads nothing any more. */
const tooLarge = { prosody: 'policy-violation', ejabberd: 'policy-violation', jabberd2: undefined }

/** The same in a component's: two of them just take it. */
const tooLargeOfComponents = { prosody: 'not-well-formed', ejabberd: undefined, jabberd2: undefined }

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    t.test('features', t => features(t, server))
    t.test('broken XML', t => brokenXml(t, server))
    t.test('600 kB of a client', t => large(t, server))
    t.test('600 kB of a component', t => largeOfComponent(t, server))
    t.test('the end of a component', t => ending(t, server))
  })
}

type Options = Pick<ComponentOptions, 'stream'>

async function component(t: Test, server: LiveServer, options: Options = {}): Promise<Session> {
  const { thirdComponent: domain, componentSecret: secret, componentPort: port } = server
  const session = await connectComponent({ domain, secret, host: '127.0.0.1', port, ...options })
  t.teardown(() => session.close())
  return session
}

async function features(t: Test, server: LiveServer): Promise<void> {
  const seen: Element[] = []
  const trace = (direction: 'in' | 'out', element: Element) => {
    if (direction === 'in' && element.is('features', NS_STREAM)) seen.push(element)
  }
  await loginOnly(t, await newUser(t, server, 'features'), { stream: { trace } })
  t.equal(seen.length, 3, 'in clear, under TLS and logged in')
  const last = seen.at(-1)
  t.ok(last?.child('bind', NS_BIND))
  if (server.name === 'jabberd2') t.ok(last?.child('ack', NS_ACK), 'a prefix of the root, used below it')
}

async function brokenXml(t: Test, server: LiveServer): Promise<void> {
  const user = await newUser(t, server, 'broken')
  const wanted = { name: 'StreamError', condition: broken[server.name], by: 'peer' }
  for (const start of [() => loginOnly(t, user), () => component(t, server)]) {
    const session = await start()
    const ended = session.run()
    session.stream.write(Buffer.from('<message><body></message>'))
    await rejects(t, ended, wanted, session.jid)
    t.ok(session.stream.over)
  }
}

/** One message of 600 kB that nobody gets and nobody answers. */
function write(session: Session, { domain }: LiveServer): void {
  const to = `nobody@${domain}`
  session.send(session.stanza('message', { type: 'error', to }, session.stanza('body', {}, 'x'.repeat(600_000))))
}

async function large(t: Test, server: LiveServer): Promise<void> {
  const session = await loginOnly(t, await newUser(t, server, 'large'))
  const ended = session.run()
  ended.catch(() => {})
  write(session, server)
  const condition = tooLarge[server.name]
  if (condition !== undefined) return rejects(t, ended, { name: 'StreamError', condition, by: 'peer' })
  await rejects(t, sendPing(session, undefined, { timeout: 500 }), { code: 'XMPP_TIMEOUT' }, 'no answer any more')
  await session.close(500)
  t.ok(session.stream.over, 'a close does not wait for a server that is deaf')
}

async function largeOfComponent(t: Test, server: LiveServer): Promise<void> {
  const session = await component(t, server)
  const ended = session.run()
  ended.catch(() => {})
  write(session, server)
  const condition = tooLargeOfComponents[server.name]
  if (condition !== undefined) return rejects(t, ended, { name: 'StreamError', condition, by: 'peer' })
  t.ok((await sendPing(session, session.jid)) >= 0, 'and it goes on')
}

async function ending(t: Test, server: LiveServer): Promise<void> {
  const seen: Element[] = []
  const arrivals = new Waiters()
  const trace = (_: 'in' | 'out', element: Element) => {
    seen.push(element)
    arrivals.wake()
  }
  const session = await component(t, server, { stream: { trace } })
  const ended = session.run()
  t.ok((await sendPing(session, session.jid)) >= 0, 'what it sends to itself comes back')
  if (server.name === 'jabberd2') {
    const find = (attrs: object) =>
      arrivals.until(
        () => seen.find(element => Object.entries(attrs).every(([name, value]) => element.attrs[name] === value)),
        () => `nothing with ${JSON.stringify(attrs)}`,
      )
    const question = await find({ from: 'sm', type: 'get' })
    t.equal(question.ns, NS_CLIENT, 'a question in the namespace of clients')
    t.ok(await find({ to: 'sm', type: 'result', id: question.attrs.id }), 'which is answered')
  }
  await session.close()
  await ended
  t.ok(session.stream.over, 'a close that both sides agree on')
}
