import t, { type Test } from 'tap'
import { HandClock } from '../helper/clock.ts'
import {
  attachment,
  authentication,
  binding,
  clientConfig,
  componentConfig,
  presence,
  script,
  watched,
} from './setting.ts'

const result = `S: <iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@example.com/balcony</jid></bind></iq>\n`
const versions = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><ver xmlns='urn:xmpp:features:rosterver'/>"

/** A login up to the question for the roster, of which `ver` is known; the server numbers its versions. */
const versioned = (ver: string): string =>
  `${authentication}${binding.replace("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>", `${versions}</stream:features>`)}${result}C: <iq type='get' id='{roster}'><query xmlns='jabber:iq:roster' ver='${ver}'/></iq>\n`
const plain = `${authentication}${binding}${result}C: <iq type='get' id='{roster}'><query xmlns='jabber:iq:roster'/></iq>\n`

const item = (name: string, subscription = 'both'): string =>
  `<item jid='${name}@example.com' subscription='${subscription}'/>`
const answer = (items: string, ver = ''): string =>
  `S: <iq type='result' id='{roster}'><query xmlns='jabber:iq:roster'${ver && ` ver='${ver}'`}>${items}</query></iq>\n`
const push = (id: string, content: string, ver = ''): string =>
  `S: <iq type='set' id='${id}'><query xmlns='jabber:iq:roster'${ver && ` ver='${ver}'`}>${content}</query></iq>\n`
const acknowledged = (...ids: string[]): string => ids.map(id => `C: <iq type='result' id='${id}'/>\n`).join('')
const removal = (name: string, id: string): string =>
  `C: <iq type='set' id='{${id}}'><query xmlns='jabber:iq:roster'><item jid='${name}@example.com' subscription='remove'/></query></iq>\n`
const done = (id: string): string => `S: <iq type='result' id='{${id}}'/>\n`
/** Something that is answered at once, whatever else goes on: what would come before it has come. */
const ping = (id: string): string =>
  `S: <iq type='get' id='${id}' from='example.com'><ping xmlns='urn:xmpp:ping'/></iq>\nC: <iq type='result' id='${id}' to='example.com'/>\n`

async function setUp(t: Test, lines = '') {
  const { port, accept } = await script(t)
  const clock = new HandClock()
  const all = watched(t, clientConfig(port, lines), { clock, random: () => 0.5 })
  const names = (): string[] =>
    all.account.buddies
      .list()
      .filter(({ inRoster }) => inRoster)
      .map(({ jid, subscription }) => `${jid.split('@')[0]} ${subscription}`)
  all.account.start()
  /** The connection is lost, and there is another. */
  const again = async (socket: { destroy(): void }) => {
    socket.destroy()
    const { retryIn } = await all.next('offline')
    await clock.advance(retryIn)
    return accept()
  }
  const update = (more: string, ...effects: ('live' | 'buddies' | 'reconnect')[]): Promise<void> =>
    all.account.update(clientConfig(port, more), new Set(effects))
  return { ...all, port, accept, clock, names, again, update }
}

t.test('RFC 6121 §2.6: only what has changed since is told', async t => {
  const { accept, next, names, again } = await setUp(t)
  const first = await accept()
  await first.play(versioned('') + answer(item('bob') + item('carol', 'to'), 'v1') + presence)
  await next('connected')
  await first.play(push('p1', item('dave', 'from'), 'v2') + acknowledged('p1'))
  t.strictSame(names(), ['bob both', 'carol to', 'dave from'])

  const second = await again(first.socket)
  await second.play(`${versioned('v2')}S: <iq type='result' id='{roster}'/>\n${presence}`)
  await next('connected')
  t.strictSame(names(), ['bob both', 'carol to', 'dave from'], 'as it was')
  await second.play(
    push('p2', item('carol', 'remove'), 'v3') + push('p3', item('bob', 'to'), 'v4') + acknowledged('p2', 'p3'),
  )
  t.strictSame(names(), ['bob to', 'dave from'])

  const third = await again(second.socket)
  await third.play(versioned('v4') + answer(item('eve'), 'v9') + presence)
  await next('connected')
  t.strictSame(names(), ['eve both'], 'a whole one takes the place of what was there')

  const fourth = await again(third.socket)
  await fourth.play(plain + answer(item('bob')) + presence)
  await next('connected')
  const fifth = await again(fourth.socket)
  await fifth.play(versioned('') + answer('', 'v10') + presence)
  t.strictSame(names(), [], 'a version that is not known is not asked for')
})

t.test('another account has another roster', async t => {
  const { accept, next, names, update } = await setUp(t)
  const first = await accept()
  await first.play(versioned('') + answer(item('bob'), 'v1') + presence)
  await next('connected')
  const updated = update('username=juliet@example.com/tower', 'reconnect')
  await first.play(`C: <presence type='unavailable'/>\nC: </stream:stream>\nS: </stream:stream>\n`)
  await updated
  const second = await accept()
  const tower = (text: string): string => text.replaceAll('balcony', 'tower')
  await second.play(tower(versioned('v1')) + answer(item('bob') + item('carol'), 'v2') + presence)
  await next('connected')
  const moved = update('username=juliet@other.example/balcony', 'reconnect')
  await second.play(`C: <presence type='unavailable'/>\nC: </stream:stream>\nS: </stream:stream>\n`)
  await moved
  const third = await accept()
  await third.play(versioned('').replaceAll('example.com', 'other.example') + answer('', 'v1') + presence)
  await next('connected')
  t.strictSame(names(), [])
})

t.test('what comes of the earlier account while it leaves is nothing of the next one', async t => {
  for (const known of [true, false]) {
    const { accept, next, names, update } = await setUp(t, 'autoprune=yes\nautoregister=no\nbuddy=bob@example.com')
    const first = await accept()
    const friend = answer(item('friend'), '7')
    await first.play(known ? versioned('') + answer('', '6') + presence : versioned(''))
    if (known) await next('connected')
    const lines = 'username=juliet@other.example/balcony\nautoprune=yes\nautoregister=no\nbuddy=bob@example.com'
    const moved = update(lines, 'reconnect')
    await first.play(
      known
        ? `C: <presence type='unavailable'/>\nC: </stream:stream>\n${push('p1', item('friend'), '7')}S: </stream:stream>\n`
        : `C: </stream:stream>\n${friend}S: </stream:stream>\n`,
    )
    await moved
    t.strictSame(names(), [])
    const second = await accept()
    await second.play(
      `${versioned('')}${answer(item('bob'), '7')}${presence}`
        .replaceAll('juliet@example.com', 'juliet@other.example')
        .replaceAll("'example.com'", "'other.example'"),
    )
    await next('connected')
    t.strictSame(names(), ['bob both'])
  }
})

t.test('another server counts in its own way', async t => {
  const { accept, next, names, update } = await setUp(t)
  const first = await accept()
  await first.play(versioned('') + answer(item('bob'), '1') + presence)
  await next('connected')
  const moved = update('serverhost=127.1', 'reconnect')
  await first.play(`C: <presence type='unavailable'/>\nC: </stream:stream>\nS: </stream:stream>\n`)
  await moved
  t.strictSame(names(), ['bob both'], 'whom we know until then')
  const second = await accept()
  await second.play(versioned('') + answer(item('carol'), '1') + presence)
  await next('connected')
  t.strictSame(names(), ['carol both'])
})

t.test('a client that becomes a component brings no contacts along', async t => {
  const { accept, next, account, port } = await setUp(t)
  const first = await accept()
  await first.play(plain + answer(item('friend', 'to')) + presence)
  await next('connected')
  const moved = account.update(componentConfig(port), new Set(['reconnect']))
  await first.play(`C: <presence type='unavailable'/>\nC: </stream:stream>\nS: </stream:stream>\n`)
  await moved
  const second = await accept()
  await second.play(attachment)
  await next('connected')
  await second.play(`S: <iq type='get' id='1' from='example.com' to='pbx.example.com'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='1' to='example.com' from='pbx.example.com'/>
`)
  t.strictSame(account.buddies.list(), [])
})

t.test('pushes around the answer are not lost', async t => {
  const { accept, next, names } = await setUp(t)
  const { play } = await accept()
  // In one segment: the answer is taken a moment later than what stands behind it.
  const early = push('p1', item('bob', 'none')) + push('p2', item('bob', 'to'))
  const late = push('p3', item('carol', 'to')) + push('p4', item('dave', 'remove'))
  const all = early + answer(item('bob', 'to') + item('carol', 'none') + item('dave')) + late
  await play(plain + all.replaceAll('\nS: ', '') + acknowledged('p1', 'p2', 'p3', 'p4') + presence)
  await next('connected')
  t.strictSame(names(), ['bob to', 'carol to'])
})

t.test('pushes count though the roster could not be read, but make no version of it', async t => {
  const { accept, next, names, again } = await setUp(t)
  const first = await accept()
  await first.play(versioned('') + answer(item('bob'), 'v1') + presence)
  await next('connected')
  const second = await again(first.socket)
  const failed = `S: <iq type='error' id='{roster}'><error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\n`
  const early = push('p1', item('carol'), 'v4') + acknowledged('p1')
  await second.play(versioned('v1') + early + failed + presence)
  await next('connected')
  await second.play(push('p2', item('dave'), 'v5') + acknowledged('p2'))
  t.strictSame(names(), ['bob both', 'carol both', 'dave both'])
  const third = await again(second.socket)
  await third.play(`${versioned('v1')}S: <iq type='result' id='{roster}'/>\n${presence}`)
  await next('connected')
  t.strictSame(names(), ['bob both', 'carol both', 'dave both'])
})

t.test('autoprune removes whom no buddy names, once, and waits for the confirmations', async t => {
  const { accept, next, names, again, events, update } = await setUp(
    t,
    'autoprune=yes\nautoregister=no\nbuddy=bob@example.com',
  )
  const first = await accept()
  const roster = ['bob', 'carol', 'dave', 'eve'].map(name => item(name)).join('')
  await first.play(
    plain + answer(roster) + presence + removal('carol', 'c') + removal('dave', 'd') + removal('eve', 'e'),
  )
  t.strictSame(names(), ['bob both', 'carol both', 'dave both', 'eve both'], 'nothing before it is confirmed')
  t.notOk(events.some(({ type }) => type === 'pruned'))
  const refused = `S: <iq type='error' id='{d}'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\n`
  await first.play(done('e') + refused + done('c'))
  t.strictSame(await next('pruned'), {
    type: 'pruned',
    removed: ['eve@example.com', 'carol@example.com'],
    failed: [{ jid: 'dave@example.com', reason: 'not-allowed' }],
  })
  t.strictSame(names(), ['bob both', 'dave both'])
  await update('autoprune=yes\nautoregister=no\nbuddy=bob@example.com\nkeepalive=no', 'live')
  await first.play(push('p1', item('frank')) + acknowledged('p1') + ping('once'))

  const second = await again(first.socket)
  await second.play(plain + answer(item('bob') + item('dave')) + presence + removal('dave', 'd') + done('d'))
  t.match(await next('pruned'), { removed: ['dave@example.com'], failed: [] })
})

t.test('autoprune tells of all who are there still when the connection is lost', async t => {
  const { accept, next, account } = await setUp(
    t,
    'stream_management=no\nautoprune=yes\nautoregister=no\nbuddy=i@example.com',
  )
  const { play, socket } = await accept()
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
  await play(
    plain +
      answer(names.map(name => item(name)).join('')) +
      presence +
      ['a', 'b', 'c', 'd', 'e'].map(name => removal(name, name)).join('') +
      done('a') +
      removal('f', 'f'),
  )
  socket.destroy()
  const { removed, failed } = await next('pruned')
  t.strictSame(removed, ['a@example.com'])
  t.strictSame(failed.map(({ jid }) => jid.slice(0, 1)).sort(), ['b', 'c', 'd', 'e', 'f', 'g', 'h'])
  for (const { reason } of failed) t.ok(reason)
  await account.stop()
})

t.test('autoprune never follows a roster that is empty or could not be read', async t => {
  const { accept, again, next, events } = await setUp(t, 'autoprune=yes')
  const first = await accept()
  await first.play(plain + answer('') + presence + ping('a'))
  const second = await again(first.socket)
  await second.play(plain + answer(item('bob')) + presence + removal('bob', 'b'))
  const third = await again(second.socket)
  t.match(await next('pruned'), { removed: [], failed: [{ jid: 'bob@example.com', reason: /stream ended/ }] })
  const failed = `S: <iq type='error' id='{roster}'><error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\n`
  await third.play(plain + failed + presence + ping('b'))
  await third.play(push('p1', item('carol')) + acknowledged('p1') + ping('c'))
  t.equal(events.filter(({ type }) => type === 'pruned').length, 1)
})

t.test('autoprune that a reload switches on begins at once; a buddy that it names meanwhile stays', async t => {
  const { accept, next, names, update } = await setUp(t, 'autoregister=no')
  const { play } = await accept()
  const roster = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(name => item(name)).join('')
  await play(plain + answer(roster) + presence)
  await next('connected')
  await update('autoregister=no\nautoprune=yes\nbuddy=a@example.com', 'live', 'buddies')
  await play(['b', 'c', 'd', 'e', 'f'].map(name => removal(name, name)).join('') + ping('five at one time'))
  await update('autoregister=no\nautoprune=yes\nbuddy=a@example.com\nbuddy=g@example.com', 'buddies')
  await play(['b', 'c', 'd', 'e', 'f'].map(done).join(''))
  t.match(await next('pruned'), { removed: { length: 5 }, failed: [] })
  t.strictSame(names(), ['a both', 'g both'])
})

t.test('auth_policy=deny refuses, buddies too, and asks nobody in return', async t => {
  const { accept, next } = await setUp(t, 'auth_policy=deny\nbuddy=bob@example.com')
  const { play } = await accept()
  await play(`${plain}${answer(item('bob'))}${presence}`)
  await next('connected')
  for (const name of ['romeo', 'bob']) {
    await play(
      `S: <presence type='subscribe' from='${name}@example.com' to='juliet@example.com'/>\nC: <presence type='unsubscribed' to='${name}@example.com'/>\n`,
    )
    t.match(await next('subscription'), { from: `${name}@example.com`, action: 'refused' })
  }
  await play(ping('nothing else'))
})

t.test('whose presence we see already is not asked in return', async t => {
  const { accept, next } = await setUp(t)
  const { play } = await accept()
  const asked = "<item jid='carol@example.com' subscription='none' ask='subscribe'/>"
  await play(`${plain}${answer(item('bob', 'to') + asked)}${presence}`)
  await next('connected')
  for (const name of ['bob', 'carol']) {
    await play(
      `S: <presence type='subscribe' from='${name}@example.com'/>\nC: <presence type='subscribed' to='${name}@example.com'/>\n`,
    )
  }
  await play(ping('nothing else'))
})

t.test('what is shown at run time lasts over reconnects, until the option changes', async t => {
  const { accept, next, account, again, update } = await setUp(t)
  const first = await accept()
  await first.play(plain + answer('') + presence)
  await next('connected')
  account.show({ status: 'dnd', statusmessage: 'in a meeting' })
  const shown = `C: <presence><status>in a meeting</status><priority>1</priority><show>dnd</show><caps/></presence>\n`
  await first.play(shown)
  await update('priority=5', 'live')
  const second = await again(first.socket)
  await second.play(plain + answer('') + shown.replace('>1<', '>5<'))
  await next('connected')
  await update('priority=5\nstatus=away', 'live')
  const { status, statusmessage } = account.config
  t.strictSame(account.presence, { status, statusmessage }, 'and nothing else of the configuration')
})
