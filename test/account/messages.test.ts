import t, { type Test } from 'tap'
import { HandClock } from '../helper/clock.ts'
import { attachment, clientConfig, componentConfig, login, script, watched } from './setting.ts'

/** An account that is connected, with a test for its server. */
async function connected(t: Test, component = false) {
  const { port, accept } = await script(t)
  const config = component ? componentConfig(port) : clientConfig(port)
  const all = watched(t, config, { clock: new HandClock() })
  all.account.start()
  const { play, peer } = await accept()
  await play(component ? attachment : login())
  await all.next('connected')
  /** Writes these as they stand, and resolves with the bodies that came of them. */
  const deliver = async (...stanzas: string[]): Promise<string[]> => {
    const before = all.events.length
    peer.write(`${stanzas.join('')}<message from='end@example.com'><body>the end</body></message>`)
    await all.next('message', ({ message }) => message.body === 'the end')
    await all.account.receive('end@example.com', 0)
    const messages = all.events.slice(before).flatMap(event => (event.type === 'message' ? [event.message.body] : []))
    return messages.slice(0, -1)
  }
  const bounces = (): unknown[] =>
    all.events.flatMap(event => (event.type === 'bounce' ? [[event.to, event.id, event.error.condition]] : []))
  return { ...all, play, deliver, bounces }
}

type Connected = Awaited<ReturnType<typeof connected>>

/** Sends a message, and resolves with its id when it has reached the server. */
async function sent({ account, play }: Connected, to: string): Promise<string> {
  const sending = account.send(to, 'hello')
  await play(`C: <message type='chat' to='{any}' from='{any}' id='{any}'><body>hello</body></message>\n`)
  return sending
}

const error = `<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`

t.test('a bounce is believed from whom the message was for, and from servers on its way', async t => {
  const all = await connected(t)
  for (const [to, from] of [
    ['bob@example.org', 'bob@example.org'],
    ['bob@example.org', 'bob@example.org/desk'],
    ['bob@example.org', 'BOB@Example.ORG'],
    ['Bob@Example.Org', 'bob@example.org'],
    ['bob@example.org/desk', 'bob@example.org/desk'],
    ['bob@example.org/desk', 'bob@example.org'],
    ['bob@example.org/desk', 'example.org'],
    ['bob@example.org', 'example.org'],
    ['bob@example.org', 'example.com'],
    ['bob@example.org', 'juliet@example.com'],
    ['bob@example.org', undefined],
  ] as const) {
    const id = await sent(all, to)
    const stamped = from === undefined ? '' : ` from='${from}'`
    t.strictSame(
      await all.deliver(`<message type='error'${stamped} id='${id}'><body>hello</body>${error}</message>`),
      [],
    )
    t.strictSame(all.bounces().at(-1), [to.toLowerCase(), id, 'item-not-found'], `to ${to}, from ${from}`)
    t.equal(all.account.inbox.size, 0, 'what comes back is no message')
  }
})

t.test('and from nobody else, though he knows the id; the true one still counts then', async t => {
  const all = await connected(t)
  for (const [to, ...forgers] of [
    [
      'bob@example.org',
      'eve@example.org',
      'eve@example.net',
      'example.net',
      'sub.example.org',
      'eve@example.com',
      'no jid',
    ],
    ['bob@example.org/desk', 'bob@example.org/bed', 'bob@example.org.net'],
    ['room@muc.example.org/bob', 'room@muc.example.org/eve', 'other@muc.example.org', 'juliet@example.com/other'],
  ] as const) {
    const id = await sent(all, to)
    const forged = forgers.map(from => `<message type='error' from='${from}' id='${id}'>${error}</message>`)
    const before = all.bounces().length
    await all.deliver(
      ...forged,
      `<message type='error' from='${to}'>${error}</message>`,
      `<message type='error' from='${to}' id='guess'>${error}</message>`,
      `<message type='error' from='${to}' id='__proto__'>${error}</message>`,
      `<iq type='error' from='${to}' id='${id}'>${error}</iq>`,
    )
    t.equal(all.bounces().length, before, to)
    const true_ = `<message type='error' from='${to}' id='${id}'>${error}</message>`
    await all.deliver(true_, true_)
    t.strictSame(all.bounces().slice(before), [[to, id, 'item-not-found']], 'once')
  }
})

t.test('a component believes whom it has written to', async t => {
  const all = await connected(t, true)
  const id = await sent(all, 'bob@example.org')
  const from = (from: string): string =>
    `<message type='error' from='${from}' to='pbx.example.com' id='${id}'>${error}</message>`
  await all.deliver(from('eve@example.org'), from('pbx.example.com'), from('example.com'))
  t.strictSame(all.bounces(), [])
  await all.deliver(from('example.org'))
  t.strictSame(all.bounces(), [['bob@example.org', id, 'item-not-found']])
})

t.test('the latest thousand messages are remembered', async t => {
  const all = await connected(t)
  const ids: string[] = []
  const line = `C: <message type='chat' to='{any}' from='{any}' id='{any}'><body>x</body></message>\n`
  for (let i = 0; i < 1001; i++) ids.push(await all.account.send(`user${i}@example.org`, 'x'))
  await all.play(line.repeat(1001))
  await all.deliver(
    ...[0, 1, 1000].map(i => `<message type='error' from='user${i}@example.org' id='${ids[i]}'>${error}</message>`),
  )
  t.match(all.bounces(), [[`user1@example.org`], [`user1000@example.org`]])
})

t.test('what is a message, and what it says', async t => {
  const { deliver, account } = await connected(t)
  const body = (content: string, attrs = ''): Promise<string[]> =>
    deliver(`<message from='bob@example.org/r'${attrs}>${content}</message>`)
  await t.test('white space stays', async t => {
    t.strictSame(await body('<body> \t a&#13;&#10; b\n\n </body>'), [' \t a\r\n b\n\n '])
    t.strictSame(await body('<body>\n</body>'), ['\n'])
    t.strictSame(await body('<body>a, b; "c" &amp;amp;</body>'), ['a, b; "c" &amp;'])
    t.strictSame(await body('<body>a<![CDATA[<b>]]>c</body>'), ['a<b>c'])
  })
  await t.test('of several languages the one without a name, else the first', async t => {
    t.strictSame(await body("<body xml:lang='de'>Tag</body><body>day</body><body xml:lang='fr'>jour</body>"), ['day'])
    t.strictSame(await body("<body xml:lang='de'>Tag</body><body xml:lang='fr'>jour</body>"), ['Tag'])
    t.strictSame(await body("<body xml:lang=''>named</body><body>one</body><body>two</body>"), ['one'])
  })
  await t.test('an empty body is one', async t => {
    while (account.inbox.size > 0) await account.receive('bob@example.org', 0)
    t.strictSame(await body('<body/>'), [''])
    t.equal((await account.receive('bob@example.org', 0))?.body, '')
  })
  await t.test('no body, no message', async t => {
    t.strictSame(await body(''), [])
    t.strictSame(await body('<subject>s</subject>'), [])
    t.strictSame(await body('<subject>s</subject>', " type='groupchat'"), [])
    t.strictSame(await body("<body xmlns='http://www.w3.org/1999/xhtml'>x</body>"), [])
    t.strictSame(
      await body("<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='jabber:client'>x</body></html>"),
      [],
    )
  })
})

t.test('what is forwarded in a message is no message, and says nothing of the one around it', async t => {
  const all = await connected(t)
  const id = await sent(all, 'bob@example.org')
  const delay = `<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/>`
  const forwarded = (attrs: string): string =>
    `<forwarded xmlns='urn:xmpp:forward:0'>${delay}<message xmlns='jabber:client' ${attrs}><body>fooled</body>${error}</message></forwarded>`
  const carbon = (kind: string, from: string): string =>
    `<message from='${from}'><${kind} xmlns='urn:xmpp:carbons:2'>${forwarded("from='bob@example.org' type='chat'")}</${kind}></message>`
  t.strictSame(
    await all.deliver(
      carbon('received', 'juliet@example.com'),
      carbon('sent', 'juliet@example.com'),
      carbon('received', 'mallory@example.org'),
      `<message from='mallory@example.org'><result xmlns='urn:xmpp:mam:2'>${forwarded("from='bob@example.org'")}</result></message>`,
      `<message from='mallory@example.org'>${forwarded(`type='error' from='bob@example.org' id='${id}'`)}</message>`,
    ),
    [],
  )
  t.equal(all.account.inbox.size, 0)
  t.strictSame(all.bounces(), [])
  t.strictSame(await all.deliver(`<message from='carol@example.org'><body>mine</body>${forwarded('')}</message>`), [
    'mine',
  ])
  t.match(await all.account.receive('carol@example.org', 0), { body: 'mine', delayed: undefined })
})

t.test('groupchat is kept apart from what an occupant says in private', async t => {
  const { account, deliver } = await connected(t)
  const said = (type: string, body: string): string =>
    `<message from='room@muc.example.org/bob' type='${type}'><body>${body}</body></message>`
  t.strictSame(await deliver(said('groupchat', 'to all'), said('chat', 'in private')), ['to all', 'in private'])
  t.match(await account.receive('room@muc.example.org/bob', 0), { body: 'in private', type: 'chat' })
  t.match(await account.receive('room@muc.example.org', 0), { body: 'to all', type: 'groupchat' })
  t.equal(account.inbox.size, 0)
})

t.test('the delay that a message tells of is handed on', async t => {
  const { account, deliver } = await connected(t)
  await deliver(
    `<message from='bob@example.org/r'><body>b</body><delay xmlns='urn:xmpp:delay' from='example.com' stamp='2002-09-10T23:08:25Z'>Offline Storage</delay></message>`,
  )
  t.match(await account.receive('bob@example.org', 0), {
    delayed: { stamp: Date.UTC(2002, 8, 10, 23, 8, 25), from: 'example.com' },
    received: 1_000_000,
  })
})
