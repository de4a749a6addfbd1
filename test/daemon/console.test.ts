import t, { type Test } from 'tap'
import { StateBus } from '../../src/bus/index.ts'
import { connectClient } from '../../src/client.ts'
import { AccountSet } from '../../src/daemon/accounts.ts'
import { runCommand } from '../../src/daemon/console.ts'
import type { ConsoleContext } from '../../src/daemon/console-command.ts'
import type { ControlReply } from '../../src/daemon/control.ts'
import type { Session } from '../../src/session.ts'
import { el } from '../../src/stream/element.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { createNode } from '../../src/xep/0060-nodes.ts'
import { sendPing } from '../../src/xep/0199-ping.ts'
import { availablePresence } from '../../src/xep/presence.ts'
import { clientConfig, type Watched, watch } from '../account/setting.ts'

/** Two accounts, juliet's connected; and how to type commands. */
async function setUp(t: Test, lines = 'buddy=romeo@example.com\nbuddy=nurse@example.com') {
  const server = await startLoopback({
    users: { 'juliet@example.com': 'secret', 'romeo@example.com': 'secret' },
    pubsub: ['pubsub.example.com'],
    starttls: 'none',
  })
  const watches: Watched[] = []
  const accounts = new AccountSet({ random: () => 0.99 }, account => void watches.push(watch(account)))
  t.teardown(async () => {
    await accounts.stop()
    await server.stop()
  })
  await accounts.apply([
    // Otherwise a roster push, the server's answer to a subscription, may come behind the presence a test plays, and end it.
    clientConfig(server.port, `autoregister=no\n${lines}`, 'asterisk'),
    clientConfig(server.port, 'username=nobody@example.com/x', 'Other'),
  ])
  const [juliet, other] = watches as [Watched, Watched]
  await juliet.next('connected')
  await other.next('offline')
  const bus = new StateBus({ eid: '02:00:00:00:00:01' })
  t.teardown(() => bus.stop())
  const context: ConsoleContext = {
    accounts,
    bus,
    pubsub: undefined,
    reload: async () => ({ ok: true, lines: ['nothing has changed'] }),
  }
  const run = (...argv: string[]): Promise<ControlReply> =>
    runCommand({ argv, json: false }, context, new AbortController().signal)
  const json = async (...argv: string[]): Promise<{ exit: number; err: string; data: unknown }> => {
    const { exit, out, err } = await runCommand({ argv, json: true }, context, new AbortController().signal)
    return { exit, err, data: JSON.parse(out) }
  }
  return { server, accounts, juliet, other, bus, context, run, json }
}

const message = (body: string, from = 'romeo@example.com/orchard'): string =>
  `<message from='${from}' to='juliet@example.com/balcony' type='chat'><body>${body}</body></message>`

t.test('xmpp show connections', async t => {
  const { run, json, server, juliet } = await setUp(t)
  const text = `Jabber Users and their status:
       [asterisk] juliet@example.com/balcony     - Connected
       [Other] nobody@example.com/x     - Disconnected
----
   Number of clients: 2
`
  t.strictSame(await run('xmpp', 'show', 'connections'), { exit: 0, out: text, err: '' })
  t.strictSame(await run('xmpp show connections'), { exit: 0, out: text, err: '' }, 'in one argument')
  t.strictSame(await run('  XMPP  Show\tconnections '), { exit: 0, out: text, err: '' }, 'however it is spelled')
  const { data } = (await json('xmpp', 'show', 'connections')) as { data: Record<string, unknown>[] }
  const [connected, refused] = data
  const now = Date.now()
  const near = (time: unknown): boolean => Math.abs(Date.parse(`${time}`) - now) < 60_000
  t.ok(near(connected?.since) && near(refused?.since))
  t.strictSame(
    { ...connected, since: '', stanzas: {} },
    {
      account: 'asterisk',
      jid: 'juliet@example.com/balcony',
      state: 'Connected',
      since: '',
      server: { host: '127.0.0.1', port: server.port },
      mechanism: 'SCRAM-SHA-512',
      channelBinding: null,
      tls: null,
      resumed: 0,
      stanzas: {},
      lastError: null,
      nextRetry: null,
    },
  )
  const { received, sent } = (connected as { stanzas: { received: number; sent: number } }).stanzas
  // The roster and perhaps our own presence; the question for the one and the other itself.
  t.ok(received >= 1 && received <= 2 && sent === 2, `${received} received, ${sent} sent`)
  t.match(refused, {
    account: 'Other',
    jid: 'nobody@example.com/x',
    state: 'Disconnected',
    server: null,
    mechanism: null,
  })
  t.match(refused?.lastError, { text: /not-authorized/ })
  t.match(refused?.stanzas, { received: 0, sent: 0 })
  t.ok(Date.parse(`${refused?.nextRetry}`) > now + 30_000)

  server.drop('juliet@example.com')
  await juliet.next('offline')
  await juliet.next('connected')
  const again = (await json('xmpp', 'show', 'connections')) as { data: Record<string, unknown>[] }
  t.match(again.data[0], { state: 'Connected', resumed: 1, lastError: { text: /connection/ }, nextRetry: null })
})

t.test('xmpp show buddies', async t => {
  const { server, juliet, run, json } = await setUp(t)
  server.send(
    'juliet@example.com',
    `<presence from='romeo@example.com/r1'/><presence from='romeo@example.com/r2'><show>away</show><status>s</status><priority>3</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://psi-im.org' ver='VVV='/></presence>`,
  )
  await juliet.next('presence', ({ from }) => from === 'romeo@example.com/r2')
  const { exit, out, err } = await run('xmpp', 'show', 'buddies')
  t.strictSame([exit, err], [0, ''])
  t.equal(
    out,
    [
      'XMPP buddy lists',
      'Client: asterisk',
      '\tBuddy:\tromeo@example.com',
      // res_xmpp prints all lines for a resource that has announced nothing.
      '\t\tResource: r1',
      '\t\t\tnode: ',
      '\t\t\tversion: ',
      '\t\t\tGoogle Talk capable: no',
      '\t\t\tJingle capable: no',
      '\t\tResource: r2',
      '\t\t\tnode: http://psi-im.org',
      '\t\t\tversion: VVV=',
      '\t\t\tGoogle Talk capable: no',
      '\t\t\tJingle capable: no',
      '\tBuddy:\tnurse@example.com',
      'Client: Other',
      '',
    ].join('\n'),
  )
  const { data } = await json('xmpp', 'show', 'buddies')
  t.match(data, [
    {
      account: 'asterisk',
      buddies: [
        {
          jid: 'romeo@example.com',
          configured: true,
          resources: [
            { name: 'r1', priority: 0, status: '', capabilities: null },
            {
              name: 'r2',
              show: 'away',
              status: 's',
              priority: 3,
              caps: { node: 'http://psi-im.org', ver: 'VVV=' },
            },
          ],
        },
        { jid: 'nurse@example.com', resources: [] },
      ],
    },
    { account: 'Other', buddies: [] },
  ])
})

t.test('xmpp show buddies says who can be called', async t => {
  const { server, juliet, run, json } = await setUp(t, 'buddy=romeo@example.com')
  const features = ['urn:xmpp:jingle:1', 'http://www.google.com/xmpp/protocol/voice/v1']
  for (const [at, feature] of features.entries()) {
    const romeo = await connectClient({
      jid: `romeo@example.com/r${at}`,
      password: 'secret',
      host: server.host,
      port: server.port,
      tls: 'never',
      xeps: [{ name: feature, features: [feature] }],
    })
    romeo.run().catch(() => {})
    t.teardown(() => romeo.close())
    server.send('juliet@example.com', availablePresence(romeo, {}, { from: romeo.jid }))
    await juliet.next('presence', ({ from }) => from === romeo.jid)
    // Romeo answers in the order in which he is asked.
    await sendPing(juliet.account.session as Session, romeo.jid)
  }
  const { out } = await run('xmpp', 'show', 'buddies')
  t.same(out.match(/(Google Talk|Jingle) capable: \w+/g), [
    'Google Talk capable: no',
    'Jingle capable: yes',
    'Google Talk capable: yes',
    'Jingle capable: no',
  ])
  const { data } = (await json('xmpp', 'show', 'buddies')) as { data: [{ buddies: [{ resources: object[] }] }] }
  for (const [at, resource] of data[0].buddies[0].resources.entries()) {
    const { capabilities } = resource as { capabilities: { verified: boolean; features: string[] } }
    t.equal(capabilities.verified, true)
    t.strictSame(
      capabilities.features.filter(feature => features.includes(feature)),
      [features[at]],
    )
  }
})

t.test('what peers sent is escaped, in text and in JSON', async t => {
  const { server, juliet, run, json } = await setUp(t)
  const evil = '\u202e\u009b31m\u007f\u2028'
  // A JID cannot hold such characters (RFC 7622): what bears one for a name is not heard.
  server.send(
    'juliet@example.com',
    `<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='ev\u202eil@example.com' subscription='both'/></query></iq>` +
      `<presence from='romeo@example.com/\u202e'/>` +
      `<presence from='romeo@example.com/balcony'><status>${evil}</status><c xmlns='http://jabber.org/protocol/caps' node='${evil}' ver='a&#10;Client: forged'/></presence>`,
  )
  await juliet.next('presence')
  const { out } = await run('xmpp', 'show', 'buddies')
  t.notMatch(out, /il@example/)
  t.match(out, 'node: \\u{202e}\\x9b31m\\x7f\\u{2028}\n')
  t.match(out, 'version: a\\x0aClient: forged\n')
  t.match(out, /^[\x20-\x7e\t\n]*$/)

  const reply = await runCommand(
    { argv: ['xmpp show buddies'], json: true },
    { accounts: { list: () => [juliet.account] } } as never,
    new AbortController().signal,
  )
  t.match(reply.out, /^[\x20-\x7e]*\n$/)
  const { data } = await json('xmpp', 'show', 'buddies')
  t.match(data, [{ buddies: [{ resources: [{ status: evil, caps: { node: evil } }] }] }], 'and JSON gives it back')
})

t.test('xmpp set debug', async t => {
  const { run, json, accounts } = await setUp(t)
  const states = (): (boolean | undefined)[] => accounts.list().map(({ debug }) => debug)
  t.strictSame(await run('xmpp', 'set', 'debug', 'on'), { exit: 0, out: 'XMPP Debugging Enabled.\n', err: '' })
  t.strictSame(states(), [true, true])
  t.strictSame(await run('xmpp set debug off'), { exit: 0, out: 'XMPP Debugging Disabled.\n', err: '' })
  t.strictSame(states(), [false, false])
  await run('xmpp', 'set', 'debug', 'on', 'other')
  t.strictSame(states(), [false, true], 'of one account')
  const [juliet, other] = accounts.list().map(({ config }) => config)
  if (juliet === undefined || other === undefined) throw new Error('two accounts')
  await accounts.apply([juliet, { ...other, timeout: other.timeout + 1 }])
  t.strictSame(states(), [false, true], 'a reload of something else does not touch it')
  await accounts.apply([juliet, { ...other, debug: true }])
  await accounts.apply([juliet, { ...other, debug: false }])
  t.strictSame(states(), [false, false], 'a reload of the option itself does')
  t.strictSame(await json('xmpp', 'set', 'debug', 'off'), {
    exit: 0,
    err: '',
    data: { debug: false, accounts: ['asterisk', 'Other'] },
  })
  t.match(await run('xmpp', 'set', 'debug', 'on', 'nosuch'), {
    exit: 1,
    out: '',
    err: "Unable to find client 'nosuch'!\n",
  })
  t.strictSame(states(), [false, false])
  t.strictSame(await run('xmpp', 'set', 'debug', 'maybe'), {
    exit: 2,
    out: '',
    err: 'Usage: xmpp set debug {on|off} [ACCOUNT]\n       Logs every stanza, or no longer; of one account or of all.\n',
  })
})

t.test('xmpp send', async t => {
  const { server, run, json } = await setUp(t)
  const sent: string[] = []
  const both = new Promise<void>(resolve => {
    server.onStanza = stanza => {
      if (stanza.name === 'message') sent.push(`${stanza.attrs.to} ${stanza.attrs.type} ${stanza.childText('body')}`)
      if (sent.length === 2) resolve()
      return []
    }
  })
  t.strictSame(await run('xmpp', 'send', 'asterisk', 'romeo@example.com', 'two  blanks', 'and', 'more\nlines'), {
    exit: 0,
    out: '',
    err: '',
  })
  const { data } = await json('xmpp', 'send', 'ASTERISK', 'romeo@example.com', '--json')
  t.match(data, { id: /./ })
  t.match(await run('xmpp', 'send', 'other', 'romeo@example.com', 'x'), {
    exit: 1,
    out: '',
    err: /^account Other is not connected \(Disconnected\): the message was not sent\n$/,
  })
  t.match(await run('xmpp', 'send', 'asterisk', 'not a jid', 'x'), {
    exit: 1,
    out: '',
    err: /^malformed JID "not a jid"/,
  })
  t.match(await run('xmpp', 'send', 'asterisk', 'a@b', 'x\0'), {
    exit: 1,
    err: /^XML cannot carry the character U\+0000/,
  })
  t.match(await run('xmpp', 'send', 'asterisk', 'romeo@example.com'), {
    exit: 2,
    err: /^Usage: xmpp send ACCOUNT JID TEXT…\n {7}Sends/,
  })
  await both
  t.strictSame(sent, ['romeo@example.com chat two  blanks and more\nlines', 'romeo@example.com chat --json'])
})

t.test('not all commands at a time can wait for messages', async t => {
  const { run, accounts, context } = await setUp(t)
  const gone = new AbortController()
  const waiting = Array.from({ length: 200 }, (_, at) =>
    runCommand(
      { argv: ['xmpp', 'receive', at % 2 ? 'asterisk' : 'Other', 'romeo@example.com', '1000'], json: false },
      context,
      gone.signal,
    ),
  )
  t.match(await run('xmpp', 'receive', 'asterisk', 'romeo@example.com'), {
    exit: 1,
    out: '',
    err: '200 commands are waiting for messages already\n',
  })
  gone.abort(new Error('enough'))
  await Promise.all(waiting)
  t.equal(
    accounts.list().reduce((sum, { inbox }) => sum + inbox.waiting, 0),
    0,
  )
  t.match(await run('xmpp', 'receive', 'asterisk', 'romeo@example.com', '0'), { exit: 1, err: '' })
})

t.test('xmpp receive', async t => {
  const { server, juliet, run, json, context } = await setUp(t)
  server.send('juliet@example.com', message('  as it &#10; is \u001b[31m'.replace('\u001b', '\u009b')))
  await juliet.next('message')
  t.strictSame(await run('xmpp', 'receive', 'asterisk', 'romeo@example.com'), {
    exit: 0,
    out: '  as it \n is \u009b[31m\n',
    err: '',
  })
  const waiting = run('xmpp', 'receive', 'asterisk', 'romeo@example.com/orchard', '5')
  await new Promise(resolve => setImmediate(resolve))
  server.send('juliet@example.com', message('late'))
  t.strictSame(await waiting, { exit: 0, out: 'late\n', err: '' })

  t.strictSame(await run('xmpp', 'receive', 'asterisk', 'romeo@example.com', '0'), { exit: 1, out: '', err: '' })
  t.strictSame(await json('xmpp', 'receive', 'asterisk', 'romeo@example.com', '0.01'), { exit: 1, err: '', data: null })

  server.send('juliet@example.com', message('b'))
  const { data } = await json('xmpp', 'receive', 'asterisk', 'romeo@example.com', '5')
  t.match(data, { from: 'romeo@example.com/orchard', body: 'b', type: 'chat', received: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/ })
  t.notOk('delayed' in (data as object))

  const delay = `<delay xmlns='urn:xmpp:delay' from='example.com' stamp='2002-09-10T23:08:25.5+01:00'/>`
  server.send('juliet@example.com', message('b').replace('</body>', `</body>${delay}`))
  const { data: late } = await json('xmpp', 'receive', 'asterisk', 'romeo@example.com', '5')
  t.match(late, { body: 'b', delayed: { stamp: '2002-09-10T22:08:25.500Z', from: 'example.com' } })

  for (const timeout of ['', 'x', '-1', '1e9', '0x10', 'Infinity', '99999999', '1.', '.5', '1\n']) {
    const reply = await run('xmpp', 'receive', 'asterisk', 'romeo@example.com', timeout)
    t.match(
      reply,
      { exit: 1, out: '', err: /^TIMEOUT must be a number of seconds from 0 to 2000000, not '/ },
      JSON.stringify(timeout),
    )
    t.equal(reply.err.split('\n').length, 2, 'in one line')
  }
  t.match(await run('xmpp', 'receive', 'asterisk', '@', '0'), { exit: 1, err: /^malformed JID/ })

  const controller = new AbortController()
  const argv = ['xmpp', 'receive', 'asterisk', 'romeo@example.com', '30']
  const cancelled = runCommand({ argv, json: false }, context, controller.signal)
  await new Promise(resolve => setImmediate(resolve))
  controller.abort(new Error('gone'))
  t.match(await cancelled, { exit: 1 })
  server.send('juliet@example.com', message('for the next'))
  t.match(await run('xmpp', 'receive', 'asterisk', 'romeo@example.com', '5'), { out: 'for the next\n' })
})

t.test('xmpp status', async t => {
  const { server, juliet, run, json } = await setUp(t)
  server.send('juliet@example.com', `<presence from='romeo@example.com/r'><show>xa</show></presence>`)
  await juliet.next('presence')
  t.strictSame(await run('xmpp', 'status', 'asterisk', 'Romeo@Example.com'), { exit: 0, out: '4\n', err: '' })
  t.strictSame(await run('xmpp status asterisk nurse@example.com'), { exit: 0, out: '6\n', err: '' })
  t.strictSame(await json('xmpp', 'status', 'asterisk', 'x@y'), { exit: 0, err: '', data: { status: 7 } })
  t.match(await run('xmpp', 'status', 'asterisk', '@'), { exit: 1, err: /^malformed JID/ })
})

t.test('xmpp reload', async t => {
  const { context } = await setUp(t)
  const run = (ok: boolean, lines: string[], json = false): Promise<ControlReply> =>
    runCommand(
      { argv: ['xmpp', 'reload'], json },
      { ...context, reload: async () => ({ ok, lines }) },
      new AbortController().signal,
    )
  t.strictSame(await run(true, ['[a] added', '[b] ev\u009bil']), {
    exit: 0,
    out: '[a] added\n[b] ev\\x9bil\n',
    err: '',
  })
  t.match(await run(false, ['x.conf:3: error: no']), { exit: 1, out: 'x.conf:3: error: no\n' })
  t.match(await run(false, ['no'], true), { exit: 1, out: '{"ok":false,"lines":["no"]}\n' })
})

t.test('what is no command, and unknown accounts', async t => {
  const { run, json, context } = await setUp(t)
  t.strictSame(await run('xmpp', 'dance\u001b'), {
    exit: 1,
    out: '',
    err: "No such command 'xmpp dance\\x1b' ('help' shows the commands)\n",
  })
  t.match(await run(), { exit: 1, err: /^No such command ''/ })
  t.match(await run(''), { exit: 1, err: /^No such command ''/ })
  t.match(await run('xmpp', 'show connections'), { exit: 1 }, 'words are words')
  for (const argv of [
    ['xmpp', 'send', 'nosuch', 'a@b', 'x'],
    ['xmpp', 'receive', 'nosuch', 'a@b'],
    ['xmpp', 'status', 'nosuch', 'a@b'],
  ]) {
    t.strictSame(await run(...argv), { exit: 1, out: '', err: "Unable to find client 'nosuch'!\n" })
    t.strictSame(await json(...argv), { exit: 1, err: '', data: { error: "Unable to find client 'nosuch'!" } })
  }
  t.strictSame(await run('xmpp', 'show', 'connections', 'x'), {
    exit: 2,
    out: '',
    err: 'Usage: xmpp show connections\n       Shows the accounts and their states.\n',
  })
  const broken = { ...context, reload: () => Promise.reject(new Error('disk\nfull')) }
  const reply = await runCommand({ argv: ['xmpp reload'], json: false }, broken, new AbortController().signal)
  t.strictSame(reply, { exit: 1, out: '', err: 'disk\\x0afull\n' })
})

t.test('xmpp show config, with what was changed at run time', async t => {
  const { run, json } = await setUp(t, 'statusmessage=at the desk')
  const { exit, out } = await run('xmpp', 'show', 'config', 'ASTERISK')
  t.equal(exit, 0)
  t.match(out, /^\[asterisk\]\n/)
  t.match(out, '\nsecret = ********\n')
  t.notMatch(out, /= secret\n/)
  t.match(out, '\nstatusmessage = at the desk\n')
  t.match(out, '\npriority = 1\n', 'defaults too')
  t.notMatch(out, '; now')
  await run('xmpp', 'presence', 'asterisk', 'dnd', 'in', 'a', 'meeting')
  await run('xmpp', 'set', 'debug', 'on', 'asterisk')
  const changed = (await run('xmpp show config asterisk')).out
  t.match(changed, '\nstatus = available ; now dnd\n')
  t.match(changed, '\nstatusmessage = at the desk ; now in a meeting\n')
  t.match(changed, '\ndebug = no ; now yes\n')
  t.match(await json('xmpp', 'show', 'config', 'asterisk'), {
    data: { account: 'asterisk', changed: { status: 'dnd', statusmessage: 'in a meeting', debug: 'yes' } },
  })
  t.match(await run('xmpp', 'show', 'config', 'nosuch'), { exit: 1, err: "Unable to find client 'nosuch'!\n" })
})

t.test('xmpp show messages', async t => {
  const { run, json, server, juliet } = await setUp(t, 'timeout=1000')
  const empty =
    'Messages held for asterisk:\n----\n   Number of messages: 0 (0 bytes of memory), receivers waiting: 0\n'
  t.strictSame(await run('xmpp', 'show', 'messages', 'asterisk'), { exit: 0, out: empty, err: '' })
  for (const body of ['one', `two\u009b ${'x'.repeat(100)}`]) server.send('juliet@example.com', message(body))
  for (let at = 0; at < 120; at++) server.send('juliet@example.com', message(`${at}`, 'nurse@example.com'))
  await juliet.next('message', ({ message }) => message.body === '119')
  const { out } = await run('xmpp show messages ASTERISK')
  const lines = out.split('\n')
  t.match(lines[1], /^ {7}\[romeo@example\.com\/orchard\] chat \d{4}-\S+Z - one$/)
  t.match(lines[2], / - two\\x9b x{55}…$/)
  t.equal(lines[101], '       and 22 more')
  t.match(lines.at(-2), /^ {3}Number of messages: 122 \(\d+ bytes of memory\), receivers waiting: 0$/)
  const { data } = (await json('xmpp', 'show', 'messages', 'asterisk')) as { data: { messages: { body: string }[] } }
  t.match(data, { account: 'asterisk', count: 122, waiting: 0, messages: { length: 100 } })
  t.equal(data.messages[1]?.body, `two\u009b ${'x'.repeat(100)}`)
  t.equal((await run('xmpp', 'receive', 'asterisk', 'romeo@example.com', '0')).out, 'one\n', 'nothing was taken')
  t.match(await run('xmpp', 'show', 'messages', 'nosuch'), { exit: 1 })
})

t.test('xmpp presence', async t => {
  const { run, json, server, juliet } = await setUp(t, 'statusmessage=at the desk')
  const sent: string[] = []
  // Behind the presence that comes with the login.
  await juliet.account.session?.iq('get', 'example.com', el('ping', 'urn:xmpp:ping'))
  server.onStanza = stanza => {
    if (stanza.name === 'presence')
      sent.push(`${stanza.attrs.type ?? stanza.childText('show')} ${stanza.childText('status')}`)
  }
  t.strictSame(await run('xmpp', 'presence', 'asterisk', 'away'), { exit: 0, out: '', err: '' })
  t.strictSame(await run('xmpp presence asterisk ONLINE back  at last'), { exit: 0, out: '', err: '' })
  t.match(await json('xmpp', 'presence', 'asterisk', 'xaway'), {
    exit: 0,
    data: { status: 'xa', statusmessage: 'back  at last' },
  })
  await run('xmpp', 'presence', 'asterisk', 'unavailable', 'gone')
  // A ping's answer comes behind all of it.
  await juliet.account.session?.iq('get', 'example.com', el('ping', 'urn:xmpp:ping'))
  t.strictSame(sent.splice(0), ['away at the desk', 'undefined back  at last', 'xa back  at last', 'unavailable gone'])
  await run('xmpp', 'presence', 'asterisk', 'dnd', '')
  t.match(await json('xmpp', 'presence', 'asterisk', 'Configured'), {
    exit: 0,
    data: { status: 'available', statusmessage: 'at the desk' },
  })
  t.match(await run('xmpp', 'presence', 'asterisk', 'configured', 'x'), { exit: 2 })
  await juliet.account.session?.iq('get', 'example.com', el('ping', 'urn:xmpp:ping'))
  t.strictSame(sent, ['dnd undefined', 'undefined at the desk'])
  await run('xmpp', 'presence', 'asterisk', 'unavailable', 'gone')
  t.match(await run('xmpp', 'presence', 'asterisk', 'busy'), {
    exit: 1,
    err: /STATUS must be one of chat, .*, not 'busy'\n/,
  })
  t.match(await run('xmpp', 'presence', 'asterisk', 'away', 'a\0b'), { exit: 1, err: /U\+0000/ })
  t.equal(juliet.account.presence.status, 'unavailable', 'as before')
  t.match(await run('xmpp', 'presence', 'asterisk'), { exit: 2 })
  t.match(await run('xmpp', 'presence', 'nosuch', 'away'), { exit: 1 })
})

t.test('xmpp device list and set', async t => {
  const { run, json, bus } = await setUp(t)
  t.strictSame(await run('xmpp', 'device', 'list'), {
    exit: 0,
    out: 'Devices and their states (we are 02:00:00:00:00:01):\n----\n   Number of devices: 0\n',
    err: '',
  })
  t.strictSame(await run('xmpp device set Custom:lobby inuse'), { exit: 0, out: '', err: '' })
  t.equal(bus.device('Custom:lobby')?.state, 'INUSE')
  t.strictSame(await json('xmpp', 'device', 'set', 'SIP/1', 'RINGING'), {
    exit: 0,
    err: '',
    data: { device: 'SIP/1', state: 'RINGING', states: [{ eid: '02:00:00:00:00:01', state: 'RINGING' }] },
  })
  const eid = '02:00:00:00:00:02'
  bus.report({ kind: 'device', eid, name: 'Custom:lobby', state: 'RINGING', cachable: true }, {})
  bus.report({ kind: 'device', eid, name: 'a\u009b2J', state: 'BUSY', cachable: true }, {})
  t.equal(
    (await run('xmpp', 'device', 'list')).out,
    [
      'Devices and their states (we are 02:00:00:00:00:01):',
      '       [Custom:lobby] RINGINUSE     - 02:00:00:00:00:01 INUSE, 02:00:00:00:00:02 RINGING',
      '       [SIP/1] RINGING     - 02:00:00:00:00:01 RINGING',
      '       [a\\x9b2J] BUSY     - 02:00:00:00:00:02 BUSY',
      '----',
      '   Number of devices: 3',
      '',
    ].join('\n'),
  )
  t.strictSame(await json('xmpp', 'device', 'list'), {
    exit: 0,
    err: '',
    data: { eid: '02:00:00:00:00:01', devices: bus.devices() },
  })
  t.strictSame(await run('xmpp', 'device', 'set', 'Custom:lobby', 'dancing'), {
    exit: 1,
    out: '',
    err: "STATE must be one of UNKNOWN, NOT_INUSE, INUSE, BUSY, INVALID, UNAVAILABLE, RINGING, RINGINUSE, ONHOLD, not 'dancing'\n",
  })
  t.match(await run('xmpp', 'device', 'set', 'a\nb', 'BUSY'), { exit: 1, err: /^"a\\x0ab" is no name of a device: / })
  t.match(await json('xmpp', 'device', 'set', '', 'BUSY'), { exit: 1, data: { error: /is no name of a device/ } })
  for (const argv of [['xmpp device set Custom:lobby'], ['xmpp device set a BUSY x'], ['xmpp device list x']])
    t.match(await run(...argv), { exit: 2, out: '', err: /^Usage: xmpp device / })
  t.equal(bus.devices().length, 3)
})

t.test('xmpp mailbox list and set', async t => {
  const { run, json, bus } = await setUp(t)
  t.equal(
    (await run('xmpp', 'mailbox', 'list')).out,
    'Mailboxes and their messages (we are 02:00:00:00:00:01):\n----\n   Number of mailboxes: 0\n',
  )
  t.strictSame(await run('xmpp mailbox set 6001@default 2 1'), { exit: 0, out: '', err: '' })
  t.strictSame(bus.mailbox('6001@default')?.counts, { new: 2, old: 1 })
  const eid = '02:00:00:00:00:02'
  for (const name of ['6001@default', '6000@default'])
    bus.report({ kind: 'mailbox', eid, name, counts: { new: 7, old: 0 } }, {})
  t.equal(
    (await run('xmpp', 'mailbox', 'list')).out,
    [
      'Mailboxes and their messages (we are 02:00:00:00:00:01):',
      '       [6000@default] 7 new, 0 old     - 02:00:00:00:00:02 7/0',
      '       [6001@default] 2 new, 1 old     - 02:00:00:00:00:01 2/1, 02:00:00:00:00:02 7/0',
      '----',
      '   Number of mailboxes: 2',
      '',
    ].join('\n'),
  )
  t.match(await json('xmpp', 'mailbox', 'set', '6001@default', '0', '3'), {
    exit: 0,
    data: { mailbox: '6001@default', counts: { new: 0, old: 3 } },
  })
  t.strictSame((await json('xmpp', 'mailbox', 'list')).data, {
    eid: '02:00:00:00:00:01',
    mailboxes: bus.mailboxes(),
  })
  for (const [fresh, old, err] of [
    ['-1', '0', "NEW must be a number of messages, not '-1'\n"],
    ['0', '0x1', "OLD must be a number of messages, not '0x1'\n"],
    ['', '0', "NEW must be a number of messages, not ''\n"],
    ['1.5', '0', "NEW must be a number of messages, not '1.5'\n"],
    ['0', '2147483648', 'messages are counted from 0 to 2147483647\n'],
    ['99999999999', '0', "NEW must be a number of messages, not '99999999999'\n"],
  ] as const)
    t.strictSame(await run('xmpp', 'mailbox', 'set', '6001@default', fresh, old), { exit: 1, out: '', err })
  t.match(await run('xmpp', 'mailbox', 'set', ' m', '1', '0'), { exit: 1, err: /is no name of a mailbox/ })
  t.match(await run('xmpp mailbox set 6001@default 1'), { exit: 2, err: /^Usage: xmpp mailbox set MAILBOX NEW OLD\n/ })
  t.strictSame(bus.mailbox('6001@default')?.counts, { new: 0, old: 3 }, 'as it was')
})

const withPubsub = 'pubsub_node=pubsub.example.com\nbuddy=romeo@example.com'

t.test('xmpp list nodes, delete node and purge nodes', async t => {
  const { run, json, juliet } = await setUp(t, withPubsub)
  const session = juliet.account.session as Session
  const make = async (...nodes: string[]): Promise<void> => {
    for (const node of nodes) await createNode(session, 'pubsub.example.com', node)
  }
  const list = async (): Promise<unknown> => (await json('xmpp', 'list', 'nodes', 'asterisk')).data
  t.strictSame(await run('xmpp', 'list', 'nodes', 'asterisk'), {
    exit: 0,
    out: 'Connection asterisk: juliet@example.com\n',
    err: '',
  })
  await make('message_waiting', 'device_state', 'a\u009b', 'doomed')
  t.strictSame(await run('xmpp list nodes ASTERISK'), {
    exit: 0,
    out: 'Connection asterisk: juliet@example.com\nNode name: a\\x9b\nNode name: device_state\nNode name: doomed\nNode name: message_waiting\n',
    err: '',
  })
  t.strictSame(await list(), {
    account: 'asterisk',
    jid: 'juliet@example.com',
    service: 'pubsub.example.com',
    collection: null,
    nodes: ['a\u009b', 'device_state', 'doomed', 'message_waiting'],
  })
  t.match(await run('xmpp', 'list', 'nodes', 'asterisk', 'nothing'), {
    exit: 1,
    out: '',
    err: /^pubsub\.example\.com answered: .*item-not-found/,
  })
  t.strictSame(await run('xmpp', 'delete', 'node', 'asterisk', 'doomed'), {
    exit: 0,
    out: "Deleted 'doomed' at pubsub.example.com.\n",
    err: '',
  })
  t.match(await run('xmpp', 'delete', 'node', 'asterisk', 'doomed'), {
    exit: 1,
    out: '',
    err: /^pubsub\.example\.com answered: .*item-not-found/,
  })
  t.match(await json('xmpp', 'delete', 'node', 'asterisk', 'doomed'), {
    exit: 1,
    data: { error: /^pubsub\.example\.com answered: .*item-not-found/ },
  })
  t.strictSame(await json('xmpp', 'delete', 'node', 'asterisk', 'a\u009b'), {
    exit: 0,
    err: '',
    data: { service: 'pubsub.example.com', deleted: ['a\u009b'] },
  })
  t.strictSame(await run('xmpp', 'purge', 'nodes', 'asterisk', 'device_state'), {
    exit: 0,
    out: "Deleted 'device_state' at pubsub.example.com.\n",
    err: '',
  })
  t.match(await run('xmpp', 'purge', 'nodes', 'asterisk', 'device_state'), { exit: 1, err: /item-not-found/ })
  t.strictSame(await json('xmpp', 'purge', 'nodes', 'asterisk', 'message_waiting'), {
    exit: 0,
    err: '',
    data: { service: 'pubsub.example.com', deleted: ['message_waiting'], failed: [] },
  })
  t.match(await list(), { nodes: { length: 0 } })
  for (const argv of [
    'xmpp list nodes',
    'xmpp delete node asterisk',
    'xmpp purge nodes asterisk',
    'xmpp list nodes a b c',
  ])
    t.match(await run(argv), { exit: 2, out: '', err: /^Usage: xmpp / })
})

t.test('xmpp create collection and create leaf, where there are collections', async t => {
  const { run, json } = await setUp(t, withPubsub)
  const done = { exit: 0, err: '' }
  t.match(await run('xmpp', 'create', 'collection', 'asterisk', 'c'), {
    ...done,
    out: "Created 'c' at pubsub.example.com.\n",
  })
  const conflict = { error: 'pubsub.example.com answered: conflict' }
  t.match(await json('xmpp create collection asterisk c'), { exit: 1, err: '', data: conflict })
  t.match(await json('xmpp', 'create', 'leaf', 'asterisk', 'c', 'l'), {
    exit: 0,
    data: { created: 'l', inCollection: true },
  })
  t.match(await json('xmpp list nodes asterisk c'), { exit: 0, data: { nodes: ['l'] } })
  t.match(await run('xmpp create leaf asterisk l m'), { exit: 1, err: /answered: not-allowed \(invalid-options\)/ })
  t.match(await run('xmpp create leaf asterisk c'), {
    exit: 2,
    err: /^Usage: xmpp create leaf ACCOUNT COLLECTION LEAF\n/,
  })
  t.match(await run('xmpp create collection asterisk'), { exit: 2, err: /^Usage: xmpp create collection / })
})

t.test('xmpp create collection and create leaf, by what the service answers', async t => {
  const { run, json, server, juliet } = await setUp(t, withPubsub)
  const sent: string[] = []
  let answer = (_: string): string => ''
  server.onStanza = stanza => {
    if (stanza.name !== 'iq' || stanza.attrs.to !== 'pubsub.example.com') return undefined
    const text = stanza.toString()
    sent.push(text)
    const inside = answer(text)
    const type = inside.startsWith('<error') ? 'error' : 'result'
    const { id } = stanza.attrs
    const to = juliet.account.jid
    server.send(
      'juliet@example.com',
      `<iq type='${type}' id='${id}' from='pubsub.example.com' to='${to}'>${inside}</iq>`,
    )
    return []
  }
  t.strictSame(await run('xmpp', 'create', 'collection', 'asterisk', 'c'), {
    exit: 0,
    out: "Created 'c' at pubsub.example.com.\n",
    err: '',
  })
  t.equal(sent.length, 2)
  t.match(sent[0], /<create node='c'\/>.*<field var='pubsub#node_type'><value>collection<\/value>/)
  t.match(sent[1], /<affiliations node='c'><affiliation jid='romeo@example\.com' affiliation='owner'\/>/)
  const none = "<unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='collections'/>"
  const condition = "<feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
  answer = () => `<error type='cancel'>${condition}${none}</error>`
  const refused = /^pubsub\.example\.com answered: .*feature-not-implemented.* \(unsupported collections\)/
  t.match(await run('xmpp', 'create', 'collection', 'asterisk', 'c'), { exit: 1, out: '', err: refused })
  answer = () => ''
  sent.length = 0
  t.strictSame(
    await json('xmpp', 'create', 'leaf', 'asterisk', 'c', 'l'),
    { exit: 1, err: '', data: { service: 'pubsub.example.com', created: 'l', inCollection: false } },
    'it is there, and not where it was to be',
  )
  t.match(sent[0], /<create node='l'\/>.*<field var='pubsub#collection'><value>c<\/value>.*<value>leaf<\/value>/)
  t.match(await run('xmpp', 'create', 'leaf', 'asterisk', 'c', 'l'), {
    exit: 1,
    out: /^Created 'l' at pubsub\.example\.com\.\nIt is not in 'c': pubsub\.example\.com .*\(XEP-0248\)\.\n$/,
  })
  answer = text =>
    text.includes('disco#info')
      ? "<query xmlns='http://jabber.org/protocol/disco#info' node='c'><identity category='pubsub' type='collection'/></query>"
      : text.includes('disco#items')
        ? "<query xmlns='http://jabber.org/protocol/disco#items' node='c'><item jid='pubsub.example.com' node='l'/></query>"
        : text.includes('affiliations')
          ? "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
          : ''
  const { exit, out } = await run('xmpp', 'create', 'leaf', 'asterisk', 'c', 'l')
  t.equal(exit, 0)
  t.match(
    out,
    /^Created 'l' at pubsub\.example\.com\.\nThe buddies could not be made its owners: pubsub\.example\.com answered: .*forbidden.*\n$/,
  )
})

t.test('purge nodes with collection_nodes=yes deletes every node in it, and not itself', async t => {
  const { run, json, server, juliet, other, accounts } = await setUp(t, withPubsub)
  const config = { ...juliet.account.config, collection_nodes: true }
  await accounts.apply([config, other.account.config])
  const deleted: string[] = []
  server.onStanza = stanza => {
    if (stanza.name !== 'iq' || stanza.attrs.to !== 'pubsub.example.com') return undefined
    const node = /<delete node='([^']*)'/.exec(stanza.toString())?.[1]
    if (node !== undefined) deleted.push(node)
    const inside =
      node === undefined
        ? `<query xmlns='http://jabber.org/protocol/disco#items' node='c'>${['a', 'b', 'd'].map(name => `<item jid='pubsub.example.com' node='${name}'/>`).join('')}</query>`
        : node === 'b'
          ? "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
          : ''
    const type = inside.startsWith('<error') ? 'error' : 'result'
    server.send(
      'juliet@example.com',
      `<iq type='${type}' id='${stanza.attrs.id}' from='pubsub.example.com' to='${juliet.account.jid}'>${inside}</iq>`,
    )
    return []
  }
  t.match(await run('xmpp', 'purge', 'nodes', 'asterisk', 'c'), {
    exit: 1,
    out: /^'b' could not be deleted: pubsub\.example\.com answered: .*forbidden.*\nDeleted 2 nodes in 'c' at pubsub\.example\.com\.\n$/,
  })
  t.strictSame(deleted, ['a', 'b', 'd'])
  t.match(await json('xmpp', 'purge', 'nodes', 'asterisk', 'c'), {
    exit: 1,
    data: { deleted: ['a', 'd'], failed: [{ node: 'b', reason: /forbidden/ }] },
  })
})

t.test('commands of nodes: whom they cannot be asked for', async t => {
  const { run, json } = await setUp(t, 'pubsub_node=pubsub.example.com')
  const without = await setUp(t)
  const commands = [
    ['xmpp', 'list', 'nodes'],
    ['xmpp', 'create', 'collection', 'c'],
    ['xmpp', 'create', 'leaf', 'c', 'l'],
    ['xmpp', 'delete', 'node', 'n'],
    ['xmpp', 'purge', 'nodes', 'n'],
  ]
  for (const [one = '', two = '', three = '', ...args] of commands) {
    const of = (account: string): string[] => [one, two, three, account, ...args]
    t.strictSame(await run(...of('nosuch')), { exit: 1, out: '', err: "Unable to find client 'nosuch'!\n" })
    t.strictSame((await json(...of('nosuch'))).data, { error: "Unable to find client 'nosuch'!" })
    t.match(await run(...of('other')), { exit: 1, out: '', err: /^account Other has no pubsub_node: / })
    t.match(await without.run(...of('asterisk')), { exit: 1, err: /^account asterisk has no pubsub_node: / })
  }
  const away = await setUp(t, 'pubsub_node=pubsub.example.com')
  await away.juliet.account.stop()
  for (const [one = '', two = '', three = '', ...args] of commands)
    t.strictSame(await away.run(one, two, three, 'asterisk', ...args), {
      exit: 1,
      out: '',
      err: 'account asterisk is not connected (Disconnected)\n',
    })
})

t.test('help names every command', async t => {
  const { run, json } = await setUp(t)
  const { exit, out } = await run('help')
  t.equal(exit, 0)
  for (const command of [
    'xmpp show connections',
    'xmpp show buddies',
    'xmpp set debug {on|off} [ACCOUNT]',
    'xmpp send ACCOUNT JID TEXT…',
    'xmpp receive ACCOUNT JID [TIMEOUT]',
    'xmpp status ACCOUNT JID',
    'xmpp show config ACCOUNT',
    'xmpp show messages ACCOUNT',
    'xmpp presence ACCOUNT STATUS [MESSAGE…]',
    'xmpp list nodes ACCOUNT [COLLECTION]',
    'xmpp create collection ACCOUNT COLLECTION',
    'xmpp create leaf ACCOUNT COLLECTION LEAF',
    'xmpp delete node ACCOUNT NODE',
    'xmpp purge nodes ACCOUNT NODE',
    'xmpp device list',
    'xmpp device set DEVICE STATE',
    'xmpp mailbox list',
    'xmpp mailbox set MAILBOX NEW OLD',
    'xmpp reload',
    'help [COMMAND…]',
  ]) {
    t.ok(
      out.split('\n').some(line => line.startsWith(`${command} `)),
      command,
    )
  }
  const { data } = await json('help')
  t.equal((data as unknown[]).length, out.trimEnd().split('\n').length)
  t.match(await run('help', 'xmpp', 'SHOW'), { exit: 0, out: /^(xmpp show .*\n){4}$/ })
  t.match(await run('help me'), { exit: 1, err: "there is no command that begins with 'me'\n" })
})

t.test('one argument for a whole command keeps the blanks of its text', async t => {
  const { run, server } = await setUp(t)
  const sent: (string | undefined)[] = []
  server.onStanza = stanza => {
    if (stanza.name === 'message') sent.push(stanza.childText('body'))
    return undefined
  }
  t.match(await run("xmpp send  asterisk romeo@example.com   It's   two  blanks\tand\na line "), { exit: 0 })
  t.match(await run('xmpp', 'send', 'asterisk', 'romeo@example.com', ' a  b ', 'c'), { exit: 0 })
  await run('xmpp', 'receive', 'asterisk', 'romeo@example.com', '0.2')
  t.strictSame(sent, ["It's   two  blanks\tand\na line ", ' a  b  c'])
  t.match(await run('xmpp send asterisk romeo@example.com'), { exit: 2, err: /Usage: xmpp send/ })
  sent.length = 0
  for (const text of ['x ', '"a  b"', ' "a  \\"b\\"" ', '"a', 'a"b"', '"a" b'])
    await run(`xmpp send "asterisk" romeo@example.com ${text}`)
  await run('xmpp', 'receive', 'asterisk', 'romeo@example.com', '0.2')
  t.strictSame(sent, ['x ', 'a  b', 'a  "b"', '"a', 'a"b"', '"a" b'], 'quotes around it all go, and no others')
})

t.test('--json may stand behind a command, but not in a text', async t => {
  const { run, server, accounts } = await setUp(t)
  const sent: (string | undefined)[] = []
  server.onStanza = stanza => {
    if (stanza.name === 'message') sent.push(stanza.childText('body'))
    return undefined
  }
  for (const argv of [
    ['xmpp', 'show', 'connections', '--json'],
    ['xmpp show connections --json'],
    ['xmpp status asterisk a@b --json'],
    ['help', '--json'],
    ['help xmpp show --json'],
    ['xmpp', 'presence', 'asterisk', 'away', '--json'],
    ['xmpp presence asterisk configured --json'],
  ]) {
    const { exit, out } = await run(...argv)
    t.equal(exit, 0)
    t.ok(JSON.parse(out))
  }
  t.match(await run('xmpp', 'status', 'nosuch', 'a@b', '--json'), { exit: 1, out: /^\{"error":/ })
  await run('xmpp', 'send', 'asterisk', 'romeo@example.com', 'say', '--json')
  await run('xmpp', 'receive', 'asterisk', 'romeo@example.com', '0.2')
  t.strictSame(sent, ['say --json'])
  await run('xmpp', 'presence', 'asterisk', 'away', 'say', '--json')
  t.match(accounts.find('asterisk')?.presence, { statusmessage: 'say --json' })
})

t.test('xmpp device clear and mailbox clear, and the beginning of a command', async t => {
  const { run, json, bus } = await setUp(t)
  bus.setDevice('Custom:x', 'INUSE')
  bus.report({ kind: 'device', eid: '02:00:00:00:00:09', name: 'Custom:x', state: 'BUSY', cachable: true }, {})
  bus.setMailbox('6001@default', { new: 1, old: 0 })
  t.strictSame(await run('xmpp device clear Custom:x'), { exit: 0, out: '', err: '' })
  t.equal(bus.device('Custom:x')?.state, 'BUSY', 'what another PBX says of it counts')
  t.strictSame(await run('xmpp device clear Custom:x'), {
    exit: 1,
    out: '',
    err: "there is no device 'Custom:x' of ours\n",
  })
  t.match(await json('xmpp', 'mailbox', 'clear', '6001@default'), { exit: 0, data: null })
  t.match(await run('xmpp mailbox clear 6001@default'), { exit: 1, err: /^there is no mailbox '6001@default' of ours/ })
  t.strictSame(await run('xmpp device'), {
    exit: 1,
    out: '',
    err: "'xmpp device' is the beginning of xmpp device list, xmpp device set, xmpp device clear\n",
  })
  t.match(await run('xmpp devices'), { exit: 1, err: /^No such command 'xmpp devices'/ })
})

t.test('xmpp purge nodes with collection_nodes=yes, where there is no collection', async t => {
  const { run, juliet } = await setUp(t, withPubsub)
  const { account } = juliet
  await createNode(account.session as Session, 'pubsub.example.com', 'device_state')
  await account.update({ ...account.config, collection_nodes: true }, new Set(['events']))
  t.match(await run('xmpp purge nodes asterisk device_state'), {
    exit: 1,
    out: '',
    err: /^'device_state' at pubsub\.example\.com is no collection/,
  })
})
