import t from 'tap'
import { diffAccounts } from '../../src/config/index.ts'
import type { Effect } from '../../src/config/options.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { HandClock, quiet } from '../helper/clock.ts'
import { rejects } from '../helper/rejects.ts'
import {
  accounts,
  attachment,
  authentication,
  binding,
  bound,
  clientConfig,
  componentConfig,
  login,
  presence,
  roster,
  script,
  type Watched,
  watched,
} from './setting.ts'

/** What a reload of the account with these lines would do. */
async function reload({ account }: Watched, lines: string): Promise<Set<Effect>> {
  const config = clientConfig(account.config.port as number, lines)
  const [change] = diffAccounts([account.config], [config])
  const effects = new Set(change?.kind === 'changed' ? change.effects : [])
  await account.update(config, effects)
  return effects
}

const bye = `C: <presence type='unavailable'/>\nC: </stream:stream>\nS: </stream:stream>\n`

t.test('a life: the states in order, the roster before the presence, the exact wire', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const { account, states, next, events } = watched(t, clientConfig(port, 'buddy=bob@example.com'), { clock })
  t.equal(account.state, 'Disconnected')
  t.equal(account.jid, 'juliet@example.com/balcony')
  account.start()
  account.start()
  const { play, peer } = await accept()
  await play(`${login("<item jid='carol@example.com' subscription='both'/>")}
C: <presence type='subscribe' to='bob@example.com'><status>{any}</status></presence>
`)
  await next('connected')
  t.equal(account.state, 'Connected')
  t.strictSame(
    events.find(({ type }) => type === 'connected'),
    {
      type: 'connected',
      resumed: false,
      jid: 'juliet@example.com/balcony',
      mechanism: 'PLAIN',
      binding: undefined,
      unbound: undefined,
      tls: undefined,
      target: { host: '127.0.0.1', port, direct: false },
    },
  )
  t.match(
    Buffer.concat(peer.chunks).toString(),
    /<presence><status>Online and Available<\/status><priority>1<\/priority><c xmlns='[^']+' hash='sha-1' node='[^']+' ver='[A-Za-z0-9+/]{27}='\/><\/presence>/,
    'to the letter',
  )
  const stopped = account.stop()
  t.equal(account.state, 'Disconnecting')
  await play(bye)
  await stopped
  t.strictSame(states, [
    'Connecting',
    'Waiting to authenticate',
    'Authenticating',
    'Retrieving roster',
    'Connected',
    'Disconnecting',
    'Disconnected',
  ])
  t.equal(account.session, undefined)
  t.ok(await quiet(clock), 'no timer is left')
})

t.test('the states with TLS', async t => {
  const server = await startLoopback({ users: { 'juliet@example.com': 'secret' } })
  t.teardown(() => server.stop())
  const text = `[a]\nusername=juliet@example.com\nsecret=secret\nserverhost=127.0.0.1\nport=${server.port}\ntls_cafile=ca.pem\n`
  const { account, states, next } = watched(t, accounts(text, server.ca)[0] as never)
  account.start()
  const { tls, jid, mechanism } = await next('connected')
  t.match(tls, /^TLSv1\.[23]$/)
  t.match(jid, /^juliet@example\.com\/asterisk-xmpp\./, 'completed by the server')
  t.equal(account.jid, jid)
  t.equal(mechanism, 'SCRAM-SHA-512')
  await account.stop()
  t.strictSame(states, [
    'Connecting',
    'Waiting to request TLS',
    'Requested TLS',
    'Waiting to authenticate',
    'Authenticating',
    'Retrieving roster',
    'Connected',
    'Disconnecting',
    'Disconnected',
  ])
  await server.waitFor('juliet@example.com', false)
})

t.test('presence as configured, and as changed at run time', async t => {
  const { port, accept } = await script(t)
  const all = watched(t, clientConfig(port), { clock: new HandClock() })
  all.account.start()
  const { play } = await accept()
  await play(login())
  await all.next('connected')
  for (const [status, wire] of [
    ['chat', '<presence><status>m</status><priority>-1</priority><show>chat</show><caps/></presence>'],
    ['away', '<presence><status>m</status><priority>-1</priority><show>away</show><caps/></presence>'],
    ['xaway', '<presence><status>m</status><priority>-1</priority><show>xa</show><caps/></presence>'],
    ['dnd', '<presence><status>m</status><priority>-1</priority><show>dnd</show><caps/></presence>'],
    ['online', '<presence><status>m</status><priority>-1</priority><caps/></presence>'],
    ['unavailable', "<presence type='unavailable'><status>m</status></presence>"],
  ]) {
    t.strictSame([...(await reload(all, `status=${status}\nstatusmessage=m\npriority=-1`))], ['presence'])
    await play(`C: ${wire}\n`)
  }
  t.equal(all.states.filter(state => state === 'Connecting').length, 1, 'on the same connection')
})

t.test('who shows himself as unavailable is told nothing by his server, and all of it when he comes back', async t => {
  const { port, accept } = await script(t)
  const { account, next } = watched(t, clientConfig(port, 'keepalive=no'), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(
    `${login("<item jid='romeo@example.net' subscription='both'/>")}S: <presence from='romeo@example.net/r'/>\n`,
  )
  await next('presence')
  account.show({ status: 'away', statusmessage: '' })
  await play(`C: <presence><priority>1</priority><show>away</show><caps/></presence>\n`)
  t.equal(account.status('romeo@example.net'), 1)
  account.show({ status: 'unavailable', statusmessage: '' })
  t.equal(account.status('romeo@example.net'), 6, 'he may go without our being told')
  await play(`C: <presence type='unavailable'/>\nS: <presence from='romeo@example.net/r'/>\n`)
  await next('presence')
  t.equal(account.status('romeo@example.net'), 1, 'on its way, or for our eyes alone')
  account.show({ status: 'unavailable', statusmessage: 'soon' })
  t.equal(account.status('romeo@example.net'), 1)
  account.show({ status: 'available', statusmessage: '' })
  t.equal(account.status('romeo@example.net'), 6, 'until he is shown again')
})

t.test('only those buddies are asked that we do not see and have not asked', async t => {
  const { port, accept } = await script(t)
  const buddies = ['new', 'none', 'from', 'asked', 'to', 'both'].map(name => `buddy=${name}@example.com`).join('\n')
  const item = (name: string, more: string): string => `<item jid='${name}@example.com' ${more}/>`
  const items = [
    item('none', "subscription='none'"),
    item('from', "subscription='from'"),
    item('asked', "subscription='none' ask='subscribe'"),
    item('to', "subscription='to'"),
    item('both', "subscription='both'"),
    item('stranger', "subscription='none'"),
  ].join('')
  const { account, next } = watched(t, clientConfig(port, buddies), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  const asks = ['new', 'none', 'from'].map(
    name => `C: <presence type='subscribe' to='${name}@example.com'><status>{any}</status></presence>\n`,
  )
  await play(login(items) + asks.join(''))
  await next('connected')
})

t.test('autoregister=no asks nobody; who asks us is answered as auth_policy says', async t => {
  const { port, accept } = await script(t)
  const lines = 'autoregister=no\nbuddy=bob@example.com'
  const { account, next } = watched(t, clientConfig(port, lines), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(login())
  await next('connected')
  for (const from of ['romeo@example.com', 'bob@example.com']) {
    await play(`S: <presence type='subscribe' from='${from}'/>\nC: <presence type='subscribed' to='${from}'/>\n`)
    t.strictSame(await next('subscription'), { type: 'subscription', from, action: 'granted' })
  }
  await play(`
S: <iq type='get' id='p' from='example.com'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='p' to='example.com'/>
`)
})

t.test('a subscription is granted to the bare JID, which is asked in return', async t => {
  const { port, accept } = await script(t)
  const { account, next } = watched(t, clientConfig(port), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(login())
  await next('connected')
  await play(`
S: <presence type='subscribe' from='Romeo@example.com/orchard' to='juliet@example.com'/>
C: <presence type='subscribed' to='romeo@example.com'/>
C: <presence type='subscribe' to='romeo@example.com'/>
`)
  t.match(await next('subscription'), { action: 'granted' })
  for (const action of ['subscribed', 'unsubscribe', 'unsubscribed'] as const) {
    await play(`S: <presence type='${action}' from='romeo@example.com'/>\n`)
    t.match(await next('subscription'), { from: 'romeo@example.com', action })
  }
})

t.test('roster pushes', async t => {
  const { port, accept } = await script(t)
  const { account, next, events } = watched(t, clientConfig(port), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(login())
  await next('connected')
  const push = (id: string, more = '', jid = 'bob@example.com'): string =>
    `S: <iq type='set' id='${id}'${more}><query xmlns='jabber:iq:roster'><item jid='${jid}' subscription='to'/></query></iq>\n`
  await play(`${push('p1')}C: <iq type='result' id='p1'/>\n`)
  await play(
    `${push('p2', " from='juliet@example.com'", 'c@x')}C: <iq type='result' id='p2' to='juliet@example.com'/>\n`,
  )
  t.strictSame(
    account.buddies.list().map(({ jid }) => jid),
    ['bob@example.com', 'c@x'],
  )
  const refusal = (id: string, to: string): string =>
    `C: <iq type='error' id='${id}' to='${to}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\n`
  for (const [id, from] of [
    ['f1', 'mallory@example.com/x'],
    ['f2', 'mallory@example.com'],
    ['f3', 'other.example'],
    ['f4', 'juliet@example.com.evil'],
  ] as const) {
    await play(push(id, ` from='${from}'`, 'evil@x') + refusal(id, from))
  }
  t.equal(account.buddies.get('evil@x'), undefined)
  const told = events.filter(event => event.type === 'warning' && event.text.includes('roster'))
  t.equal(told.length, 1, 'told once')
  t.match(told, [{ text: /mallory@example\.com\/x/ }])
})

t.test('messages in and out, and bounces', async t => {
  const { port, accept } = await script(t)
  const { account, next, events } = watched(t, clientConfig(port), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(login())
  await next('connected')

  const id = account.send('bob@example.com', 'hello,  <b>\n&amp; "you" 😀')
  await play(
    `C: <message type='chat' to='bob@example.com' from='juliet@example.com/balcony' id='{any}'><body>hello,  &lt;b>&#10;&amp;amp; "you" 😀</body></message>\n`,
  )
  await play(
    `S: <message type='error' from='bob@example.com' id='${await id}'><body>hello</body><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>\n`,
  )
  t.match(await next('bounce'), { to: 'bob@example.com', id: await id, error: { condition: 'item-not-found' } })
  t.equal(account.inbox.size, 0, 'a bounce is no message')

  await play(`S: <message from='bob@example.com/r' type='odd' id='m1'><body>  two&#10;  lines </body></message>\n`)
  t.match(await next('message'), {
    message: { from: 'bob@example.com/r', body: '  two\n  lines ', type: 'normal', id: 'm1' },
  })
  t.equal((await account.receive('bob@example.com', 0))?.id, 'm1')

  await play(`
S: <message from='bob@example.com/r'><subject>no body</subject></message>
S: <message from='bob@example.com/r'><body xmlns='odd'>not ours</body></message>
S: <message from='not a jid'><body>b</body></message>
S: <message from='room@example.com/nick' type='groupchat'><body>in the room</body></message>
`)
  t.match(await next('message'), { message: { body: 'in the room', type: 'groupchat' } })
  t.equal(account.inbox.size, 1)
  t.equal(events.filter(({ type }) => type === 'message').length, 2)

  await rejects(t, account.send('not a jid', 'x'), { code: 'XMPP_JID_MALFORMED' })
  await rejects(t, account.send('bob@example.com', 'a\0b'), { code: 'XMPP_XML_CHARACTER' })
})

t.test('presence of buddies; cleared when the connection ends; send fails in words; reconnects', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const config = clientConfig(port, 'buddy=bob@example.com')
  const { account, next, states } = watched(t, config, { clock, random: () => 0.5 })
  account.start()
  const first = await accept()
  await first.play(login("<item jid='bob@example.com' subscription='both'/>"))
  await next('connected')
  await first.play(`
S: <presence from='stranger@example.com/x'/>
S: <presence from='bob@example.com/r'><show>away</show><status>lunch</status><priority>7</priority></presence>
`)
  t.strictSame(await next('presence'), {
    type: 'presence',
    from: 'bob@example.com/r',
    available: true,
    show: 'away',
    status: 'lunch',
    priority: 7,
  })
  t.equal(account.status('bob@example.com'), 3)

  first.socket.destroy()
  const { retryIn, error } = await next('offline')
  t.equal(retryIn, 750)
  t.match(error, { code: 'XMPP_CONNECTION_LOST' })
  t.equal(account.status('bob@example.com'), 6)
  t.equal(account.state, 'Disconnected')
  await rejects(t, account.send('bob@example.com', 'x'), {
    code: 'XMPP_NOT_CONNECTED',
    message: /asterisk is not connected \(Disconnected\)/,
  })

  await clock.advance(749)
  t.equal(states.at(-1), 'Disconnected')
  await clock.advance(1)
  const second = await accept()
  await second.play(login("<item jid='bob@example.com' subscription='both'/>"))
  await next('connected')
  t.equal(account.status('bob@example.com'), 6, 'until he is seen again')
  await account.send('bob@example.com', 'x')
})

t.test('a roster that cannot be had is no reason not to connect', async t => {
  const { port, accept } = await script(t)
  const { account, next } = watched(t, clientConfig(port), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(`${authentication}${binding}${bound}
S: <iq type='error' id='{roster}'><error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
${presence}`)
  t.match(await next('warning', ({ text }) => text.includes('roster')), { text: /feature-not-implemented/ })
  await next('connected')
})

t.test('update()', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const all = watched(t, clientConfig(port, 'buddy=bob@example.com\nautoregister=no'), { clock })
  const { account, next, events } = all
  account.start()
  const { play } = await accept()
  await play(login())
  await next('connected')

  await t.test('buddies: the new ones are asked, the old ones dropped', async t => {
    t.strictSame([...(await reload(all, 'buddy=carol@example.com'))].sort(), ['buddies', 'live'])
    await play(`C: <presence type='subscribe' to='carol@example.com'><status>{any}</status></presence>\n`)
    t.strictSame(
      account.buddies.list().map(({ jid }) => jid),
      ['carol@example.com'],
    )
  })
  await t.test('live: auth_policy from now on', async t => {
    t.strictSame([...(await reload(all, 'buddy=carol@example.com\nauth_policy=deny'))], ['live'])
    await play(`
S: <presence type='subscribe' from='romeo@example.com'/>
C: <presence type='unsubscribed' to='romeo@example.com'/>
`)
    t.match(await next('subscription'), { action: 'refused' })
  })
  await t.test('live: debug', async t => {
    let seen = 0
    account.on('debug', () => seen++)
    await account.send('bob@example.com', 'x')
    t.equal(seen, 0)
    await reload(all, 'buddy=carol@example.com\ndebug=yes')
    await account.send('bob@example.com', 'x')
    t.equal(seen, 1)
    await reload(all, 'buddy=carol@example.com')
    await account.send('bob@example.com', 'x')
    t.equal(seen, 1)
    await play(`C: <message type='chat' to='{any}' from='{any}' id='{any}'><body>x</body></message>\n`.repeat(3))
  })
  await t.test('live: keepalive', async t => {
    t.equal(clock.pending, 1, 'the next look at the silence')
    await reload(all, 'buddy=carol@example.com\nkeepalive=no')
    t.equal(clock.pending, 0)
    await reload(all, 'buddy=carol@example.com')
    t.equal(clock.pending, 1)
  })
  await t.test('live: timeout', async t => {
    await reload(all, 'buddy=carol@example.com\ntimeout=0')
    await play(`S: <message from='bob@example.com/r'><body>not held</body></message>\n`)
    await next('message')
    t.equal(account.inbox.size, 0)
  })
  await t.test('reconnect: closes politely, comes back, keeps what it holds', async t => {
    await reload(all, 'buddy=carol@example.com')
    await play(`S: <message from='bob@example.com/r'><body>held</body></message>\n`)
    await next('message')
    const updating = reload(all, 'buddy=carol@example.com\nusername=juliet@example.com/balcony\nsecret=secret2')
    await play(bye)
    t.ok((await updating).has('reconnect'))
    const again = await accept()
    await again.play(authentication.replace('AGp1bGlldABzZWNyZXQ=', 'AGp1bGlldABzZWNyZXQy') + binding + bound)
    t.equal((await account.receive('bob@example.com', 0))?.body, 'held')
  })
  t.equal(events.filter(({ type }) => type === 'offline').length, 0)
})

t.test('update() while an earlier one is still leaving: the last one counts', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const all = watched(t, clientConfig(port), { clock })
  all.account.start()
  const { play } = await accept()
  await play(login())
  await all.next('connected')
  const updates = [
    reload(all, 'secret=secret1'),
    reload(all, 'secret=secret2\nbuddy=bob@example.com'),
    reload(all, 'secret=secret2\nbuddy=carol@example.com'),
  ]
  await play(bye)
  t.strictSame(
    (await Promise.all(updates)).map(effects => effects.has('reconnect')),
    [true, true, false],
  )
  t.equal(all.account.config.secret, 'secret2')
  t.strictSame(
    all.account.buddies.list().map(({ jid }) => jid),
    ['carol@example.com'],
  )
  const again = await accept()
  await again.play(authentication.replace('AGp1bGlldABzZWNyZXQ=', 'AGp1bGlldABzZWNyZXQy') + binding)
  again.socket.destroy()
})

t.test('update() while there is no connection', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const all = watched(t, clientConfig(port), { clock })
  t.strictSame([...(await reload(all, 'status=xa'))], ['presence'], 'before it was started')
  all.account.start()
  const first = await accept()
  first.socket.destroy()
  await all.next('offline')
  await reload(all, 'status=away\nbuddy=bob@example.com')
  t.equal(all.account.state, 'Disconnected', 'waits on')
  await reload(all, 'status=dnd\nbuddy=bob@example.com\ntls_verify=no')
  const second = await accept()
  await second.play(authentication + binding)
  const [result = ''] = bound.split('C:')
  second.socket.write(result.trim().slice('S: '.length))
  const asked = await second.peer.next()
  const id = asked.type === 'element' ? (asked.node.attrs.id ?? '') : ''
  t.equal(all.account.state, 'Retrieving roster')
  await reload(all, 'status=chat\nbuddy=carol@example.com\ntls_verify=no')
  await second.play(`${roster().replace('{roster}', id)}
C: <presence><status>Online and Available</status><priority>1</priority><show>chat</show><caps/></presence>
C: <presence type='subscribe' to='carol@example.com'><status>{any}</status></presence>
`)
})

t.test('a warning when held messages are given up, and one a minute at most', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const config = clientConfig(port, 'timeout=600\nkeepalive=no')
  const { account, next, events } = watched(t, config, { clock, inboxLimits: { messages: 2 } })
  account.start()
  const { play } = await accept()
  await play(login())
  await next('connected')
  const flood = async (count: number): Promise<void> => {
    const before = events.filter(({ type }) => type === 'message').length
    await play(`S: <message from='bob@example.com/r'><body>x</body></message>\n`.repeat(count))
    while (events.filter(({ type }) => type === 'message').length < before + count) await next('message')
  }
  const told = (): unknown[] => events.flatMap(event => (event.type === 'warning' ? [event.text] : [])).slice(1)
  const text = (count: number): string => `too many messages are held for JABBER_RECEIVE: ${count} given up`
  await flood(12)
  t.strictSame(told(), [text(1)])
  await clock.advance(59_999)
  await flood(5)
  t.strictSame(told(), [text(1)])
  await clock.advance(1)
  await flood(1)
  t.strictSame(told(), [text(1), text(15)])
})

// ── components ───────────────────────────────────────────────────────────────────────────────────────────────────────────

t.test('a component answers from the address asked', async t => {
  const { port, accept } = await script(t)
  const { account, next, states } = watched(t, componentConfig(port, 'buddy=bob@example.com'), {
    clock: new HandClock(),
  })
  account.start()
  const { play } = await accept()
  const available = (from: string, to: string): string =>
    `C: <presence from='${from}' to='${to}'><status>Online and Available</status><priority>1</priority><caps/></presence>\n`
  await play(`${attachment}
${available('pbx.example.com', 'bob@example.com')}
C: <presence type='subscribe' from='pbx.example.com' to='bob@example.com'><status>{any}</status></presence>
`)
  await next('connected')
  t.strictSame(states, ['Connecting', 'Authenticating', 'Connected'])
  await play(`
S: <presence type='subscribe' from='romeo@example.com/orchard' to='sales@pbx.example.com/x'/>
C: <presence type='subscribed' from='sales@pbx.example.com' to='romeo@example.com'/>
${available('sales@pbx.example.com', 'romeo@example.com')}
S: <presence type='probe' from='romeo@example.com' to='6001@pbx.example.com'/>
${available('6001@pbx.example.com', 'romeo@example.com')}
S: <presence type='probe' from='romeo@example.com' to='pbx.example.com'/>
${available('pbx.example.com', 'romeo@example.com')}
S: <presence type='unsubscribe' from='romeo@example.com' to='sales@pbx.example.com'/>
C: <presence type='unavailable' from='sales@pbx.example.com' to='romeo@example.com'/>
C: <presence type='unsubscribed' from='sales@pbx.example.com' to='romeo@example.com'/>
`)
  // Who has been seen before is not shown again by his server: that takes a probe.
  await play(
    `S: <presence type='subscribed' from='bob@example.com' to='pbx.example.com'/>\nC: <presence type='probe' from='pbx.example.com' to='bob@example.com'/>\n`,
  )
  await next('subscription', ({ action }) => action === 'subscribed')
  t.equal(account.buddies.get('bob@example.com')?.subscription, 'to')
  await play(`S: <presence from='bob@example.com/r' to='pbx.example.com'><show>dnd</show></presence>\n`)
  await next('presence')
  t.equal(account.status('bob@example.com'), 5)

  const id = account.send('bob@example.com', 'hello')
  await play(
    `C: <message type='chat' from='pbx.example.com' to='bob@example.com' id='{any}'><body>hello</body></message>\n`,
  )
  t.ok(await id)
  await play(`
S: <presence/>
S: <message to='pbx.example.com'><body>from nobody</body></message>
S: <message from='bob@example.com' to='pbx.example.com'><body>from bob</body></message>
`)
  t.match(await next('message'), { message: { body: 'from bob' } })

  account.show({ status: 'dnd', statusmessage: 'busy' })
  const busy = (from: string, to: string): string =>
    `C: <presence from='${from}' to='${to}'><status>busy</status><priority>1</priority><show>dnd</show><caps/></presence>\n`
  // Whoever has been told is told of changes, as far as he has not said that he does not care or that he is not there.
  await play(`
${busy('pbx.example.com', 'bob@example.com')}
${busy('6001@pbx.example.com', 'romeo@example.com')}
${busy('pbx.example.com', 'romeo@example.com')}
S: <presence type='error' from='romeo@example.com' to='pbx.example.com'/>
`)
  const stopped = account.stop()
  await play(`
C: <presence type='unavailable' from='pbx.example.com' to='bob@example.com'/>
C: <presence type='unavailable' from='6001@pbx.example.com' to='romeo@example.com'/>
C: </stream:stream>
S: </stream:stream>
`)
  await stopped
})

t.test('what a component has shown of itself it shows again when it comes back', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const lines = 'autoregister=no\nbuddy=bob@example.com'
  const { account, next } = watched(t, componentConfig(port, lines), { clock })
  account.start()
  const available = (from: string, to: string): string =>
    `C: <presence from='${from}' to='${to}'><status>Online and Available</status><priority>1</priority><caps/></presence>\n`
  const first = await accept()
  await first.play(`${attachment}${available('pbx.example.com', 'bob@example.com')}
S: <presence type='subscribe' from='bob@example.com' to='PBX.example.com'/>
C: <presence type='subscribed' from='PBX.example.com' to='bob@example.com'/>
${available('PBX.example.com', 'bob@example.com')}
S: <presence type='subscribe' from='eve@example.com' to='♥@pbx.example.com'/>
C: <presence type='subscribed' from='♥@pbx.example.com' to='eve@example.com'/>
${available('♥@pbx.example.com', 'eve@example.com')}
`)
  first.socket.destroy()
  await next('offline')
  await clock.advance(1000)
  const second = await accept()
  await second.play(
    attachment + available('pbx.example.com', 'bob@example.com') + available('♥@pbx.example.com', 'eve@example.com'),
  )
  await next('connected')

  const moved = account.update(componentConfig(port, `username=im.example.com\n${lines}`), new Set(['reconnect']))
  await second.play(`
C: <presence type='unavailable' from='pbx.example.com' to='bob@example.com'/>
C: <presence type='unavailable' from='♥@pbx.example.com' to='eve@example.com'/>
C: </stream:stream>
S: </stream:stream>
`)
  await moved
  const third = await accept()
  // As another component it has told nobody but its buddies.
  await third.play(
    `${attachment}${available('pbx.example.com', 'bob@example.com')}`.replaceAll('pbx.example.com', 'im.example.com'),
  )
  await next('connected')
  t.equal(account.jid, 'im.example.com')
})

t.test('a component with auth_policy=deny is seen by its buddies alone', async t => {
  const { port, accept } = await script(t)
  const lines = 'auth_policy=deny\nautoregister=no\nbuddy=bob@example.com'
  watched(t, componentConfig(port, lines), { clock: new HandClock() }).account.start()
  const { play } = await accept()
  const available = `<status>Online and Available</status><priority>1</priority><caps/></presence>`
  await play(`${attachment}
C: <presence from='pbx.example.com' to='bob@example.com'>${available}
S: <presence type='probe' from='romeo@example.com/orchard' to='6001@pbx.example.com'/>
C: <presence type='unsubscribed' from='6001@pbx.example.com' to='romeo@example.com'/>
S: <presence type='subscribe' from='romeo@example.com' to='6001@pbx.example.com'/>
C: <presence type='unsubscribed' from='6001@pbx.example.com' to='romeo@example.com'/>
S: <presence type='probe' from='bob@example.com' to='6001@pbx.example.com'/>
C: <presence from='6001@pbx.example.com' to='bob@example.com'>${available}
`)
})

t.test('a component that comes back sees its buddies again', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const { account, next } = watched(t, componentConfig(port, 'buddy=bob@example.com'), { clock })
  account.start()
  const hello = `C: <presence from='pbx.example.com' to='bob@example.com'><status>{any}</status><priority>1</priority><caps/></presence>\n`
  const first = await accept()
  await first.play(
    `${attachment}${hello}C: <presence type='subscribe' from='pbx.example.com' to='bob@example.com'><status>{any}</status></presence>\n`,
  )
  await first.play(
    `S: <presence type='subscribed' from='bob@example.com' to='pbx.example.com'/>\nC: <presence type='probe' from='pbx.example.com' to='bob@example.com'/>\n`,
  )
  await next('subscription')
  first.socket.destroy()
  await next('offline')
  await clock.advance(1000)
  const second = await accept()
  // Nobody tells a component by itself: no server keeps its roster (RFC 6121 §4.3).
  await second.play(`${attachment}${hello}C: <presence type='probe' from='pbx.example.com' to='bob@example.com'/>\n`)
})

// ── stopping ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Sockets and timers of this process. */
function resources(): string[] {
  return process.getActiveResourcesInfo().filter(name => /TCPSocketWrap|TCPConnectWrap|Timeout|TLSWrap/.test(name))
}

t.test('stop() is quick in every state, and leaves nothing', async t => {
  const silent = 'the server says nothing more'
  const cases: [string, string, (all: Watched) => Promise<unknown>][] = [
    [
      'connecting',
      authentication.split('\n').slice(0, 2).join('\n'),
      ({ next }) => next('state', ({ state }) => state === 'Connecting'),
    ],
    ['authenticating', authentication.split('\n').slice(0, 5).join('\n'), async () => {}],
    ['binding', authentication + binding, async () => {}],
    ['retrieving the roster', authentication + binding + bound, async () => {}],
    ['connected', login(), ({ next }) => next('connected')],
  ]
  for (const [name, dialogue, ready] of cases) {
    await t.test(`${name}: ${silent}`, async t => {
      const server = await script(t)
      const clock = new HandClock()
      const all = watched(t, clientConfig(server.port), { clock })
      all.account.start()
      const { play, socket } = await server.accept()
      await play(dialogue)
      await ready(all)
      let over = false
      const stopped = all.account.stop().then(() => {
        over = true
      })
      await clock.advance(3000)
      t.ok(over, 'within 3 s')
      await stopped
      t.equal(all.account.state, 'Disconnected')
      t.ok(await quiet(clock), 'no timer is left')
      socket.destroy()
      await all.account.stop()
      t.equal(server.count, 1)
      t.equal(all.events.filter(({ type }) => type === 'offline').length, 0)
    })
  }
  await t.test('waiting to retry', async t => {
    const server = await script(t)
    const clock = new HandClock()
    const all = watched(t, clientConfig(server.port), { clock })
    all.account.start()
    const { socket } = await server.accept()
    socket.destroy()
    await all.next('offline')
    await all.account.stop()
    t.ok(await quiet(clock), 'no timer is left')
    t.equal(all.account.state, 'Disconnected')
  })
  await t.test('never started', async t => {
    const { account, states } = watched(t, clientConfig(1))
    await account.stop()
    t.strictSame(states, [])
  })
})

t.test('nothing is left of a real connection', async t => {
  const server = await startLoopback({ users: { 'juliet@example.com': 'secret' }, starttls: 'none' })
  const before = resources()
  const { account, next } = watched(t, clientConfig(server.port))
  account.start()
  await next('connected')
  const began = performance.now()
  await account.stop()
  t.ok(performance.now() - began < 1000, 'a server that answers is not waited for')
  await server.waitFor('juliet@example.com', false)
  await server.stop()
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(
    resources().filter(name => !before.includes(name)),
    [],
  )
})

t.test('what is held goes with the account, and its timer', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const { account, next } = watched(t, clientConfig(port), { clock })
  account.start()
  const { play } = await accept()
  await play(login())
  await next('connected')
  await play(`S: <message from='bob@example.com/r'><body>held</body></message>\n`)
  await next('message')
  t.equal(account.inbox.size, 1)
  const stopped = account.stop()
  await play(bye)
  await stopped
  t.ok(await quiet(clock), 'no timer is left')
})

t.test('an account can be started again, even while it is stopping', async t => {
  const { port, accept } = await script(t)
  const { account, next } = watched(t, clientConfig(port), { clock: new HandClock() })
  account.start()
  const first = await accept()
  await first.play(login())
  await next('connected')
  const stopped = account.stop()
  account.start()
  await first.play(bye)
  await stopped
  const second = await accept()
  await second.play(login())
  await next('connected')
})

t.test('stopped while a change makes it reconnect, it stays stopped', async t => {
  const server = await script(t)
  const all = watched(t, clientConfig(server.port), { clock: new HandClock() })
  all.account.start()
  const { play } = await server.accept()
  await play(login())
  await all.next('connected')
  const updating = reload(all, 'secret=other')
  const stopped = all.account.stop()
  await play(bye)
  await Promise.all([updating, stopped])
  await new Promise(resolve => setImmediate(resolve))
  t.equal(all.account.state, 'Disconnected')
  t.equal(server.count, 1)
})

t.test('a server that reads nothing cannot keep us from leaving', async t => {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const { account, next } = watched(t, clientConfig(port), { clock })
  account.start()
  const { play, socket } = await accept()
  await play(login())
  await next('connected')
  socket.pause()
  const body = 'x'.repeat(1_000_000)
  let refused: unknown
  for (let i = 0; i < 100 && refused === undefined; i++) {
    account.send('bob@example.com', body).catch(error => {
      refused = error
    })
    await new Promise(resolve => setImmediate(resolve))
  }
  t.match(refused, { code: 'XMPP_SEND_LIMIT' })
  let over = false
  const stopped = account.stop().then(() => {
    over = true
  })
  await clock.advance(3000)
  t.ok(over)
  await stopped
  t.equal(account.state, 'Disconnected')
})

t.test('a component greets new buddies at a reload and takes leave of those that are gone', async t => {
  const { port, accept } = await script(t)
  const before = componentConfig(port, 'buddy=bob@example.com')
  const after = componentConfig(port, 'buddy=carol@example.com')
  const { account, next } = watched(t, before, { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(`${attachment}
C: <presence from='pbx.example.com' to='bob@example.com'><status>{any}</status><priority>1</priority><caps/></presence>
C: <presence type='subscribe' from='pbx.example.com' to='bob@example.com'><status>{any}</status></presence>
`)
  await next('connected')
  await account.update(after, new Set(['buddies']))
  await play(`
C: <presence type='subscribe' from='pbx.example.com' to='carol@example.com'><status>{any}</status></presence>
C: <presence from='pbx.example.com' to='carol@example.com'><status>{any}</status><priority>1</priority><caps/></presence>
C: <presence type='unavailable' from='pbx.example.com' to='bob@example.com'/>
`)
  account.stop()
  await play(`
C: <presence type='unavailable' from='pbx.example.com' to='carol@example.com'/>
C: </stream:stream>
S: </stream:stream>
`)
})

t.test("a bounce of what we never sent is nobody's", async t => {
  const { port, accept } = await script(t)
  const { account, events, next } = watched(t, componentConfig(port), { clock: new HandClock() })
  account.start()
  const { play } = await accept()
  await play(attachment)
  await next('connected')
  const sent = account.send('bob@example.com', 'hello')
  await play(`C: <message type='chat' from='pbx.example.com' to='bob@example.com' id='{id}'><body>hello</body></message>
S: <message type='error' from='eve@example.com' to='pbx.example.com' id='guess'/>
S: <message type='error' from='eve@example.com' to='pbx.example.com'/>
S: <message type='error' from='bob@example.com' to='pbx.example.com' id='{id}'/>
S: <message type='error' from='bob@example.com' to='pbx.example.com' id='{id}'/>
S: <message from='bob@example.com' to='other.example.com'><body>for others</body></message>
S: <message from='bob@example.com' to='PBX.example.com'><body>for us</body></message>
`)
  t.equal((await next('message')).message.body, 'for us')
  t.strictSame(
    events.flatMap(event => (event.type === 'bounce' ? [event.id] : [])),
    [await sent],
  )
  const stopped = account.stop()
  await play('C: </stream:stream>\nS: </stream:stream>')
  await stopped
})
