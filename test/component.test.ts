/** A component whose every address can be asked: what its owner says is there, over the loopback server and played. */
import t, { type Test } from 'tap'
import { type Address, at, nobody } from '../src/addresses.ts'
import { connectClient } from '../src/client.ts'
import { type ComponentOptions, connectComponent, createComponent } from '../src/component.ts'
import { on, onEvery, type Xep } from '../src/routes.ts'
import type { Session } from '../src/session.ts'
import { type Element, el } from '../src/stream/element.ts'
import { startLoopback } from '../src/testing/index.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../src/xep/0030-disco.ts'
import { sendPing } from '../src/xep/0199-ping.ts'
import { attachment, script } from './account/setting.ts'
import { rejects, throws } from './helper/rejects.ts'
import { Waiters } from './helper/waiters.ts'

const NS = 'urn:test'
const ask = el('q', NS)

/** Answers `<q/>` with its own name and the address asked, and notes what else comes. */
function noting(name: string, notes: string[] = [], wake = () => {}): Xep {
  const note = (stanza: Element, session: Session): void => {
    notes.push(`${name}: ${stanza.name} to ${session.recipient(stanza)}`)
    wake()
  }
  return {
    name,
    features: [`${NS}:${name}`],
    routes: [
      on('iq-get', NS, 'q', (stanza, session) => el(name, NS, { at: session.recipient(stanza) })),
      onEvery('message', note),
      onEvery('presence', note),
    ],
  }
}

/** The component bot.example with these rules, and a client that asks it. */
async function stage(t: Test, addresses?: readonly Address[], options: Partial<ComponentOptions> = {}) {
  const server = await startLoopback({
    users: { 'anna@example.com': 'pw' },
    components: { 'bot.example': 'secret' },
    starttls: 'none',
  })
  t.teardown(() => server.stop())
  const { host } = server
  const component = await connectComponent({
    ...{ domain: 'bot.example', secret: 'secret', host, port: server.componentPort },
    ...(addresses && { addresses }),
    ...options,
  })
  const heard: Element[] = []
  const arrivals = new Waiters()
  const hear = (stanza: Element): void => {
    heard.push(stanza)
    arrivals.wake()
  }
  const anna = await connectClient({
    ...{ jid: 'anna@example.com/a', password: 'pw', host, port: server.port, tls: 'never' },
    xeps: [{ name: 'anna', routes: [onEvery('message', hear), onEvery('presence', hear)] }],
  })
  const ended: unknown[] = []
  for (const session of [component, anna]) session.run().catch(error => ended.push(error))
  const next = (): Promise<Element> =>
    arrivals.until(
      () => heard.shift(),
      () => 'nothing came',
    )
  const say = (to: string, attrs: Record<string, string> = {}): void => {
    anna.send(anna.stanza('message', { to, ...attrs }, anna.stanza('body', {}, 'x')))
  }
  const asked = async (to: string): Promise<string> => {
    const answer = await anna.iq('get', to, ask)
    t.equal(answer.attrs.from, to, 'the address asked answers')
    const [payload] = answer.elements
    t.equal(payload?.attrs.at, to, 'and its handler knows it')
    return payload?.name ?? ''
  }
  return { server, component, anna, next, say, asked, heard, ended }
}

t.test('the rule that names an address most exactly counts, and what all have comes after it', async t => {
  const rules = [
    at('*@bot.example', [noting('anyone')]),
    at('echo@bot.example/loud', [noting('loud')]),
    at('echo@bot.example', [noting('echo')]),
    at('Bot.Example', [noting('domain')]),
    at('straße@bot.example', { xeps: [noting('prepared')] }),
  ]
  const { asked } = await stage(t, rules, { xeps: [noting('all')] })
  t.equal(await asked('echo@bot.example/loud'), 'loud')
  t.equal(await asked('echo@bot.example/LOUD'), 'echo', 'a resource keeps its case')
  t.equal(await asked('echo@bot.example'), 'echo')
  t.equal(await asked('echo2@bot.example'), 'anyone')
  t.equal(await asked('echo2@bot.example/echo'), 'anyone')
  t.equal(await asked('bot.example'), 'domain', 'the domain is no user')
  t.equal(await asked('bot.example/x'), 'domain')
  t.equal(await asked('straße@bot.example'), 'prepared')
  const { asked: bare } = await stage(t, [at('echo@bot.example', [])], { xeps: [noting('all')] })
  t.equal(await bare('echo@bot.example'), 'all', 'an address without handlers of its own')
  t.equal(await bare('other@bot.example'), 'all', 'one for which there is no rule')
})

t.test('an address is found however it is written', async t => {
  const server = await script(t)
  const connecting = connectComponent({
    ...{ domain: 'pbx.example.com', secret: 'x', host: '127.0.0.1', port: server.port },
    addresses: [at('echo@pbx.example.com', [noting('echo')])],
  })
  const { play } = await server.accept()
  await play(attachment)
  const session = await connecting
  const running = session.run()
  await play(`
S: <iq type='get' id='1' from='a@b/c' to='ECHO@PBX.example.com'><q xmlns='urn:test'/></iq>
C: <iq type='result' id='1' to='a@b/c' from='ECHO@PBX.example.com'><echo xmlns='urn:test' at='echo@pbx.example.com'/></iq>
# nobody in particular is the domain, and so is the answer's address
S: <iq type='get' id='2' from='a@b/c'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='2' to='a@b/c' from='pbx.example.com'/>
# what the server takes for an address and we do not is nobody's
S: <iq type='get' id='3' from='a@b/c' to='♥@pbx.example.com'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='error' id='3' to='a@b/c' from='♥@pbx.example.com'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
S: </stream:stream>
C: </stream:stream>`)
  await running
})

t.test('messages and presence go to the handlers of the address and to those of all', async t => {
  const notes: string[] = []
  const arrivals = new Waiters()
  const xep = (name: string) => noting(name, notes, () => arrivals.wake())
  const { say, anna } = await stage(t, [at('echo@bot.example', [xep('echo')]), at('*@bot.example', [xep('anyone')])], {
    xeps: [xep('all')],
  })
  say('echo@bot.example')
  anna.send(anna.stanza('presence', { to: 'other@bot.example/x' }))
  say('bot.example')
  await arrivals.until(
    () => (notes.length >= 5 ? true : undefined),
    () => notes.join('\n'),
  )
  t.strictSame(notes, [
    'all: message to echo@bot.example',
    'echo: message to echo@bot.example',
    'all: presence to other@bot.example/x',
    'anyone: presence to other@bot.example/x',
    'all: message to bot.example',
  ])
})

t.test('what disco says is what the address has', async t => {
  const bot = { category: 'client', type: 'bot', name: 'Echo' }
  const items = [{ jid: 'echo@bot.example', name: 'Echo' }, { jid: 'time@bot.example' }]
  const { anna } = await stage(
    t,
    [
      at('bot.example', { items }),
      at('echo@bot.example', { xeps: [noting('echo')], identity: bot }),
      at('time@bot.example', [noting('time')]),
    ],
    { xeps: [noting('all')] },
  )
  const disco = async (to: string) => {
    const [info, list] = [
      await anna.iq('get', to, el('query', NS_DISCO_INFO)),
      await anna.iq('get', to, el('query', NS_DISCO_ITEMS)),
    ]
    const found = info.elements[0]?.elements ?? []
    return {
      identities: found.filter(({ name }) => name === 'identity').map(({ attrs }) => ({ ...attrs })),
      features: found.flatMap(({ attrs }) => (attrs.var?.startsWith(NS) ? [attrs.var] : [])),
      standard: found.filter(({ attrs }) => attrs.var === NS_DISCO_INFO || attrs.var === 'urn:xmpp:ping').length,
      items: list.elements[0]?.elements.map(({ attrs }) => ({ ...attrs })),
    }
  }
  const gateway = { category: 'gateway', type: 'pstn', name: 'res-xmpp' }
  const all = { identities: [gateway], features: [`${NS}:all`], standard: 2, items: [] }
  t.strictSame(await disco('bot.example'), { ...all, items })
  t.strictSame(await disco('echo@bot.example/x'), {
    ...all,
    identities: [bot],
    features: [`${NS}:all`, `${NS}:echo`],
  })
  t.strictSame(await disco('time@bot.example'), { ...all, features: [`${NS}:all`, `${NS}:time`] })
  t.strictSame(await disco('other@bot.example'), all)
})

t.test('where nobody is, nobody answers', async t => {
  const users = new Map([['6001', { xeps: [noting('phone')] }]])
  const notes: string[] = []
  const { anna, asked, say, next } = await stage(
    t,
    [at('*@bot.example', ({ local }) => users.get(local) ?? (local === 'any' ? undefined : nobody))],
    { xeps: [noting('all', notes)] },
  )
  t.equal(await asked('6001@bot.example/desk'), 'phone')
  t.equal(await asked('any@bot.example'), 'all', 'undefined is no rule')
  t.equal(await asked('bot.example'), 'all')
  const missing = { name: 'StanzaError', type: 'cancel', condition: 'item-not-found' }
  await rejects(t, anna.iq('get', '6002@bot.example', ask), missing)
  await rejects(t, sendPingOf(anna, '6002@bot.example'), missing, 'not even a ping')

  say('6002@bot.example', { type: 'groupchat', id: 'g' })
  say('6002@bot.example', { type: 'headline', id: 'h' })
  say('6002@bot.example', { type: 'error', id: 'e' })
  say('6002@bot.example', { type: 'chat', id: 'c' })
  const bounce = await next()
  t.match(
    bounce.attrs,
    { type: 'error', id: 'c', from: '6002@bot.example' },
    'only what a person has written comes back',
  )
  t.ok(bounce.child('error')?.child('item-not-found', 'urn:ietf:params:xml:ns:xmpp-stanzas'))

  anna.send(anna.stanza('presence', { to: '6002@bot.example' }))
  t.equal(await asked('6001@bot.example'), 'phone')
  t.strictSame(notes, [], 'and no handler hears of it')
})

const sendPingOf = (session: Session, to: string): Promise<Element> =>
  session.iq('get', to, el('ping', 'urn:xmpp:ping'))

t.test('who does not exist has granted nothing, and says so to whoever watches', async t => {
  const server = await script(t)
  const connecting = connectComponent({
    ...{ domain: 'pbx.example.com', secret: 'x', host: '127.0.0.1', port: server.port },
    addresses: [at('*@pbx.example.com', nobody)],
  })
  const { play } = await server.accept()
  await play(attachment)
  const session = await connecting
  const running = session.run()
  await play(`
S: <presence type='subscribe' from='a@b' to='1@pbx.example.com'/>
C: <presence type='unsubscribed' from='1@pbx.example.com' to='a@b'/>
S: <presence type='probe' from='a@b/c' to='2@pbx.example.com/x'/>
C: <presence type='unsubscribed' from='2@pbx.example.com' to='a@b'/>
# what is told wants no answer, nor does what has come from nobody, or from what is no address
S: <presence type='subscribe' from='a b@' to='1@pbx.example.com'/>
S: <presence type='probe' from='@@' to='1@pbx.example.com'/>
S: <presence from='a@b/c' to='3@pbx.example.com'/>
S: <presence type='unsubscribe' from='a@b' to='3@pbx.example.com'/>
S: <presence type='subscribed' from='a@b' to='3@pbx.example.com'/>
S: <presence type='unavailable' from='a@b' to='3@pbx.example.com'/>
S: <presence type='error' from='a@b' to='3@pbx.example.com'/>
S: <presence type='probe' to='3@pbx.example.com'/>
S: <message to='3@pbx.example.com'/>
S: <iq type='result' id='1' from='a@b' to='3@pbx.example.com'/>
S: </stream:stream>
C: </stream:stream>`)
  await running
})

t.test('a function that throws harms nobody', async t => {
  const errors: unknown[] = []
  const rule = at('*@bot.example', ({ local }) => {
    if (local === 'bad') throw new Error('a bug')
    return { xeps: [noting('good')] }
  })
  const { anna, asked, say, ended } = await stage(t, [rule], { session: { onHandlerError: e => void errors.push(e) } })
  say('bad@bot.example')
  await rejects(t, anna.iq('get', 'bad@bot.example', ask), { condition: 'internal-server-error' })
  t.equal(await asked('ok@bot.example'), 'good')
  t.match(errors, [{ message: 'a bug' }, { message: 'a bug' }])
  t.strictSame(ended, [])
})

t.test('rules that cannot be are refused before anything is connected', async t => {
  const options = { domain: 'bot.example', secret: 'x' }
  for (const [jids, message] of [
    [['echo@other.example'], /echo@other\.example is none of bot\.example/],
    [['echo@sub.bot.example'], /is none of bot\.example/],
    [['echo@bot.example', 'ECHO@bot.example'], /ECHO@bot\.example is named by two rules/],
    [['*@bot.example', '*@bot.example'], /is named by two rules/],
    [['*@bot.example/x'], /names a resource of every user/],
    [['@bot.example'], /malformed JID/],
  ] as const) {
    const addresses = jids.map(jid => at(jid, []))
    throws(t, () => createComponent({ ...options, addresses }), { message })
    await rejects(t, connectComponent({ ...options, addresses, host: '127.0.0.1', port: 1 }), { message })
  }
})

t.test('a tester who wants no automatic answer gets none from an address either', async t => {
  const { anna, asked } = await stage(
    t,
    [
      at('echo@bot.example', { xeps: [noting('echo')], identity: { category: 'client', type: 'bot' } }),
      at('*@bot.example', nobody),
    ],
    { session: { automatic: false } },
  )
  t.equal(await asked('echo@bot.example'), 'echo')
  const options = { timeout: 50 }
  for (const to of ['echo@bot.example', 'gone@bot.example']) {
    await rejects(t, anna.iq('get', to, el('query', NS_DISCO_INFO), options), { code: 'XMPP_TIMEOUT' }, to)
  }
})

t.test('nor does his component say that somebody does not exist', async t => {
  const server = await script(t)
  const connecting = connectComponent({
    ...{ domain: 'pbx.example.com', secret: 'x', host: '127.0.0.1', port: server.port },
    addresses: [at('*@pbx.example.com', nobody)],
    session: { automatic: false },
  })
  const { play } = await server.accept()
  await play(attachment)
  const session = await connecting
  const running = session.run()
  await play(`
S: <presence type='probe' from='a@b/c' to='2@pbx.example.com'/>
S: <message from='a@b/c' to='2@pbx.example.com'/>
S: </stream:stream>
C: </stream:stream>`)
  await running
  t.pass()
})

t.test('nothing is sent for which a server would end the stream', async t => {
  const { component, anna, next, ended } = await stage(t)
  const message = (attrs: Record<string, string>): Element =>
    component.stanza('message', attrs, component.stanza('body', {}, 'x'))
  const to = 'anna@example.com/a'
  const foreign = /^a component speaks for bot\.example and its users: a <message> from .* would end the stream$/
  for (const from of [
    'example.com',
    'anna@example.com',
    'x@notbot.example',
    'x@sub.bot.example',
    'bot.example.evil',
    'evil.example/x@bot.example',
  ]) {
    throws(t, () => component.send(message({ from, to })), { code: 'XMPP_ADDRESS', message: foreign }, from)
    await rejects(t, component.iq('get', to, ask, { from }), { code: 'XMPP_ADDRESS' }, from)
  }
  for (const from of ['', 'x@y@bot.example', 'a b@bot.example', '@bot.example', 'bot.example/']) {
    throws(t, () => component.send(message({ from, to })), { code: 'XMPP_JID_MALFORMED' }, from)
  }
  throws(t, () => component.send(message({})), { code: 'XMPP_ADDRESS', message: /to whom a <message> goes/ })
  throws(t, () => component.send(component.stanza('presence')), { code: 'XMPP_ADDRESS' })

  for (const from of ['echo@bot.example', 'bot.example/x', 'echo@bot.example/x@y', 'Echo@BOT.example', 'bot.example']) {
    component.send(message({ from, to }))
    t.equal((await next()).attrs.from?.toLowerCase(), from.toLowerCase(), from)
  }
  component.send(message({ to }))
  t.equal((await next()).attrs.from, 'bot.example', 'who says nothing is the domain')
  const from = 'line1@bot.example/desk'
  t.equal((await component.iq('get', to, el('ping', 'urn:xmpp:ping'), { from })).attrs.to, from)
  t.strictSame(ended, [], 'and the stream is as it was')
  t.ok((await sendPing(anna, 'anyone@bot.example')) >= 0)
})

t.test('a client says what it likes: its server knows who it is', async t => {
  const { anna, next } = await stage(t)
  anna.send(
    anna.stanza('message', { to: 'anna@example.com/a', from: 'someone@else.example' }, anna.stanza('body', {}, 'x')),
  )
  t.equal((await next()).attrs.from, 'anna@example.com/a')
  anna.send(anna.stanza('presence'))
})

t.test('jabberd2: a request that comes with the end of the handshake, in the namespace of clients', async t => {
  const server = await script(t)
  const component = createComponent({ domain: 'pbx.example.com', secret: 'x', host: '127.0.0.1', port: server.port })
  t.teardown(() => component.stop())
  component.start()
  const { play } = await server.accept()
  const [opening, handshake] = [attachment.replace('S: <handshake/>\n', ''), '<handshake/>']
  await play(`${opening}S: ${handshake}<iq xmlns='jabber:client' type='get' to='pbx.example.com' from='sm' id='h1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
C: <iq type='result' to='sm' from='pbx.example.com' id='h1'><query xmlns='http://jabber.org/protocol/disco#info'>
  <identity category='gateway' type='pstn' name='res-xmpp'/>
  <feature var='http://jabber.org/protocol/caps'/>
  <feature var='http://jabber.org/protocol/disco#info'/>
  <feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='jabber:iq:version'/>
  <feature var='urn:xmpp:ping'/>
  </query></iq>`)
  const stopped = component.stop()
  await play('C: </stream:stream>\nS: </stream:stream>')
  await stopped
})

t.test('over TLS from the first byte', async t => {
  const server = await startLoopback({ components: { 'bot.example': 'secret' } })
  t.teardown(() => server.stop())
  const options = { domain: 'bot.example', secret: 'secret', host: server.host } as const
  const session = await connectComponent({ ...options, tls: 'direct', port: server.componentTlsPort, ca: server.ca })
  t.match(session.stream.transport.tls, { verified: true })
  const running = session.run()
  t.ok((await sendPing(session, 'bot.example')) >= 0)
  await session.close()
  await running
  const untrusted = { code: 'XMPP_TLS_REFUSED' }
  await rejects(t, connectComponent({ ...options, tls: 'direct', port: server.componentTlsPort }), untrusted)
  await rejects(t, connectComponent({ ...options, port: server.componentTlsPort, timeout: 1000 }), {}, 'in clear')
})
