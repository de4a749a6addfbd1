/** The daemon as a process, from an ordinary xmpp.conf, against real servers. What a lost server does to it is in restart.test.ts. */
import t, { type Test } from 'tap'
import { clientSection, componentSection, Daemon } from './daemon.ts'
import { Peer } from './peer.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { newUser } from './users.ts'

t.setTimeout(240_000)

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    t.test('a conversation', t => conversation(t, server))
    t.test('accounts that cannot log in', t => trouble(t, server))
    t.test('SIGHUP', t => reload(t, server))
    t.test('no secret in the log', t => secrets(t, server))
  })
}

/** What must come out at the other end exactly as it went in. */
const bodies = [
  'plain',
  '  blanks, a tab\tand  more  ',
  '\nlines\n\n',
  'grüße 日本 🙂🙂',
  '<&"\'>]]> \\n %s $X',
  'a;b, c',
]

async function conversation(t: Test, server: LiveServer): Promise<void> {
  const [user, other] = [await newUser(t, server, 'desk'), await newUser(t, server, 'peer')]
  const peer = await Peer.start(t, other)
  const [desk, domain] = [`${user.jid}/desk`, server.otherComponent]
  const common = { buddy: other.jid, timeout: 60, statusmessage: 'At the desk' }
  const daemon = new Daemon(
    t,
    clientSection('desk', user, { ...common, priority: 7 }) +
      componentSection('gateway', server, domain, { ...common, autoregister: 'yes' }),
  )
  await daemon.logged(
    new RegExp(`NOTICE \\[desk\\] Connected as ${desk} at \\S+ port \\d+ \\(TLSv1\\.3, ${server.mechanism}(; .+)?\\)$`),
  )
  await daemon.logged(
    new RegExp(`NOTICE \\[gateway\\] Connected as ${domain} at \\S+ port \\d+ \\(no TLS, handshake\\)$`),
  )

  await t.test('xmpp show connections', async t => {
    t.strictSame(await daemon.rx('xmpp', 'show', 'connections'), {
      exit: 0,
      out: `Jabber Users and their status:
       [desk] ${desk}     - Connected
       [gateway] ${domain}     - Connected
----
   Number of clients: 2
`,
      err: '',
    })
    const { out } = await daemon.rx('--json', 'xmpp show connections')
    t.match(JSON.parse(out), [{ account: 'desk', jid: desk, state: 'Connected' }, { account: 'gateway' }])
  })

  await t.test('subscriptions and presence', async t => {
    await daemon.logged(new RegExp(`\\[desk\\] ${other.jid} lets us see its presence`))
    await daemon.logged(
      new RegExp(`\\[desk\\] ${other.jid} asked to see our presence, which auth_policy=accept allows`),
    )
    const ours = { event: 'presence', type: 'available', status: 'At the desk' }
    t.match(await peer.next({ ...ours, from: desk }), { show: '', priority: 7 }, 'the peer sees the account')
    t.ok(await peer.next({ ...ours, from: domain }), 'the peer sees the component')
    const status = async (account: string, jid: string) => (await daemon.rx('xmpp', 'status', account, jid)).out
    for (const account of ['desk', 'gateway']) {
      await daemon.logged(new RegExp(`\\[${account}\\] ${peer.jid} is available$`))
      const reply = await daemon.rx('xmpp', 'status', account, other.jid)
      t.strictSame(reply, { exit: 0, out: '1\n', err: '' }, `${account}: available`)
    }
    t.equal(await status('desk', peer.jid), '1\n', 'by its full JID')
    t.equal(await status('desk', `${other.jid}/elsewhere`), '6\n', 'a resource that is not there')
    t.equal(await status('desk', `nobody@${server.domain}`), '7\n', 'not in the roster')
    for (const [index, show] of ['chat', 'away', 'xa', 'dnd'].entries()) {
      peer.tell({ do: 'presence', show })
      await daemon.logged(new RegExp(`\\[desk\\] ${peer.jid} is ${show}$`))
      t.equal(await status('desk', other.jid), `${index + 2}\n`, show)
    }
    const capabilities = ['node: ', 'version: ', 'Google Talk capable: no', 'Jingle capable: no']
    const buddy = `\tBuddy:\t${other.jid}\n\t\tResource: peer\n${capabilities.map(line => `\t\t\t${line}\n`).join('')}`
    const buddies = `XMPP buddy lists\nClient: desk\n${buddy}Client: gateway\n${buddy}`
    t.strictSame(await daemon.rx('xmpp', 'show', 'buddies'), { exit: 0, out: buddies, err: '' })
    peer.tell({ do: 'presence', type: 'unavailable' })
    await daemon.logged(new RegExp(`\\[desk\\] ${peer.jid} is unavailable$`))
    t.equal(await status('desk', other.jid), '6\n', 'gone')
    peer.tell({ do: 'presence' })
    t.equal((await daemon.until('1\n', 'xmpp', 'status', 'desk', other.jid)).out, '1\n', 'and back')
  })

  await t.test('messages', async t => {
    const ways = [
      ['desk', desk, desk, bodies],
      ['gateway', domain, `line1@${domain}`, ['  grüße 🙂\n']],
    ] as const
    for (const [account, from, to, texts] of ways) {
      for (const body of texts) {
        const sent = await daemon.rx('xmpp', 'send', account, peer.jid, body)
        t.strictSame(sent, { exit: 0, out: '', err: '' })
        t.equal((await peer.next({ event: 'message', from })).body, body, `from ${account}`)
        peer.tell({ do: 'send', to, body })
        const received = await daemon.rx('xmpp', 'receive', account, other.jid, '10')
        t.strictSame(received, { exit: 0, out: `${body}\n`, err: '' }, `to ${account}`)
      }
    }
    for (const body of ['first', 'second']) peer.tell({ do: 'send', to: user.jid, body })
    t.equal((await daemon.rx('xmpp', 'receive', 'desk', peer.jid, '10')).out, 'first\n', 'the oldest first')
    t.equal((await daemon.rx('xmpp', 'receive', 'desk', other.jid, '10')).out, 'second\n')

    const waiting = daemon.rx('xmpp', 'receive', 'desk', other.jid, '10')
    const began = Date.now()
    const late = await daemon.rx('xmpp', 'receive', 'desk', `nobody@${server.domain}`, '1')
    t.strictSame(late, { exit: 1, out: '', err: '' }, 'nothing came')
    t.ok(Date.now() - began >= 1000, 'and it waited for it')
    peer.tell({ do: 'send', to: desk, body: 'at last' })
    t.equal((await waiting).out, 'at last\n', 'a receiver that waits meanwhile gets its own')

    await daemon.rx('xmpp', 'send', 'desk', `nobody@${server.domain}`, 'hello?')
    await daemon.logged(new RegExp(`WARNING \\[desk\\] a message to nobody@${server.domain} was not delivered: `))
    const unknown = await daemon.rx('xmpp', 'send', 'nosuch', peer.jid, 'x')
    t.strictSame(unknown, { exit: 1, out: '', err: "Unable to find client 'nosuch'!\n" })
  })

  await t.test('SIGTERM', async t => {
    const began = Date.now()
    daemon.signal('SIGTERM')
    const gone = { event: 'presence', type: 'unavailable' }
    t.ok(await peer.next({ ...gone, from: desk }), 'the peer sees the account go')
    t.ok(await peer.next({ ...gone, from: domain }), 'the peer sees the component go')
    t.strictSame(await daemon.ended, { code: 0, signal: null })
    t.ok(Date.now() - began < 5000, 'within 5 s')
    t.equal(daemon.out, '', 'nothing on stdout')
    t.notMatch(daemon.log, /ERROR|^\s+at /m)
    t.equal((await daemon.rx('xmpp', 'show', 'connections')).exit, 3, 'nobody answers any more')
  })
}

async function trouble(t: Test, server: LiveServer): Promise<void> {
  const [good, user] = [await newUser(t, server, 'good'), await newUser(t, server, 'trouble')]
  const elsewhere = { ...user, jid: `trouble@${server.unnamed}` }
  const daemon = new Daemon(
    t,
    clientSection('secret', { ...user, password: 'wrong' }) +
      clientSection('ca', user, { tls_cafile: server.otherCa }) +
      clientSection('name', elsewhere) +
      clientSection('directname', elsewhere, { forceoldssl: 'yes', port: server.directTlsPort }) +
      clientSection('nobody', { ...user, jid: `nobody@${server.domain}` }) +
      clientSection('port', user, { port: 1 }) +
      componentSection('component', server, server.otherComponent, { secret: 'wrong' }) +
      clientSection('good', good, { forceoldssl: 'yes', port: server.directTlsPort }),
  )
  const slowly = 'trying again in (6|7)[0-9] s$'
  const soon = 'trying again in [01]\\.[0-9] s$'
  const server1 = `${server.domain} at 127\\.0\\.0\\.1 port ${server.port}`
  const words: Record<string, string> = {
    secret: `${server1} refused the login as ${user.jid}/secret: not-authorized.*; check username at .*xmpp\\.conf:\\d+ and secret at .*xmpp\\.conf:\\d+; ${slowly}`,
    nobody: `${server1} refused the login as nobody@${server.domain}/nobody: not-authorized.*${slowly}`,
    component: `refused the login as ${server.otherComponent}: not-authorized.*${slowly}`,
    ca: `no connection to ${server1}: the server's certificate for ${server.domain} is refused: it was issued by .+; no CA in .+ has issued it.*${soon}`,
    name: `no connection to .*: the server's certificate is not for ${server.unnamed}, it names .*${server.domain}.*${soon}`,
    directname: `the server's certificate is not for ${server.unnamed}, it names .*${soon}`,
    port: `no connection to .* port 1: nothing listens there \\(ECONNREFUSED\\); check serverhost at .* and port at .*${soon}`,
  }
  for (const [account, text] of Object.entries(words)) {
    await daemon.logged(new RegExp(`WARNING \\[${account}\\] .*${text}`))
    t.pass(`${account} is told why`)
  }
  await daemon.logged(/NOTICE \[good\] Connected/)
  // Those that are tried again soon are: by then one that is not slow would have been, too.
  await daemon.logged(/\[port\] no connection/, 3)
  for (const account of ['secret', 'nobody', 'component']) {
    t.equal(daemon.count(new RegExp(`\\[${account}\\] .*refused the login`)), 1, `${account} is not tried again soon`)
  }
  const { out } = await daemon.rx('xmpp', 'show', 'connections')
  t.match(out, `[secret] ${user.jid}/secret     - Disconnected\n`)
  t.match(out, `[good] ${good.jid}/good     - Connected\n`, 'the one that can be is connected')
  t.equal(daemon.count(/\[good\] (Connected|lost)/), 1, 'and has not been disturbed')
  daemon.signal('SIGTERM')
  t.strictSame(await daemon.ended, { code: 0, signal: null })
  t.notMatch(daemon.log, /^\s+at /m)
}

async function reload(t: Test, server: LiveServer): Promise<void> {
  const [stays, leaves, comes, other] = await Promise.all(
    ['stays', 'leaves', 'comes', 'peer'].map(word => newUser(t, server, word)),
  )
  if (!stays || !leaves || !comes || !other) return
  const peer = await Peer.start(t, other)
  const [staying, leaving] = [`${stays.jid}/stays`, `${leaves.jid}/leaves`]
  const [first, second, third] = ['one', 'two', 'three'].map(statusmessage =>
    clientSection('stays', stays, { buddy: other.jid, statusmessage }),
  )
  const daemon = new Daemon(t, first + clientSection('leaves', leaves, { buddy: other.jid }))
  const seen = (from: string, status: string) => peer.next({ event: 'presence', type: 'available', from, status })
  t.ok(await seen(staying, 'one'))
  t.ok(await seen(leaving, 'Online and Available'))

  daemon.configure(first + clientSection('comes', comes))
  daemon.signal('SIGHUP')
  await daemon.logged(/NOTICE reload: \[leaves\] removed/)
  await daemon.logged(/NOTICE reload: \[comes\] added/)
  await daemon.logged(/NOTICE \[comes\] Connected/)
  t.ok(await peer.next({ event: 'presence', type: 'unavailable', from: leaving }), 'the peer sees the one go')
  t.equal(
    (await daemon.rx('xmpp', 'show', 'connections')).out,
    `Jabber Users and their status:
       [stays] ${staying}     - Connected
       [comes] ${comes.jid}/comes     - Connected
----
   Number of clients: 2
`,
  )

  daemon.configure(`${second}[broken]\nusername=\n`)
  daemon.signal('SIGHUP')
  await daemon.logged(/ERROR .*: not reloaded because of errors; the running configuration stays/)
  daemon.configure(third + clientSection('comes', comes))
  daemon.signal('SIGHUP')
  t.ok(await seen(staying, 'three'), 'a new presence')
  t.notOk(peer.seen({ event: 'presence', from: staying, status: 'two' }), 'nothing of the broken file was taken')
  t.notOk(peer.seen({ event: 'presence', from: staying, type: 'unavailable' }), 'the other has not blinked')
  for (const account of ['stays', 'comes', 'leaves']) {
    t.equal(daemon.count(new RegExp(`\\[${account}\\] Connected`)), 1, `${account} connected once`)
  }
}

async function secrets(t: Test, server: LiveServer): Promise<void> {
  const [user, refused] = [await newUser(t, server, 'desk'), await newUser(t, server, 'refused')]
  const wrong = { ...refused, password: 'a wrong one 0123456789abcdef' }
  const daemon = new Daemon(
    t,
    clientSection('desk', user, { debug: 'yes', timeout: 60 }) +
      clientSection('refused', wrong, { debug: 'yes' }) +
      componentSection('gateway', server, server.otherComponent, { debug: 'yes' }),
  )
  for (const account of ['desk', 'gateway']) await daemon.logged(new RegExp(`\\[${account}\\] Connected`))
  await daemon.logged(/\[refused\] .*not-authorized/)
  const to = `${user.jid}/desk`
  await daemon.rx('xmpp', 'send', 'desk', to, 'seen in the log')
  t.equal((await daemon.rx('xmpp', 'receive', 'desk', to, '10')).out, 'seen in the log\n')
  t.strictSame(await daemon.rx('xmpp', 'set', 'debug', 'off'), { exit: 0, out: 'XMPP Debugging Disabled.\n', err: '' })
  await daemon.rx('xmpp', 'send', 'desk', to, 'not seen')
  t.equal((await daemon.rx('xmpp', 'receive', 'desk', to, '10')).out, 'not seen\n')
  const on = await daemon.rx('xmpp', 'set', 'debug', 'on', 'desk')
  t.strictSame(on, { exit: 0, out: 'XMPP Debugging Enabled.\n', err: '' })
  daemon.signal('SIGTERM')
  await daemon.ended

  const { log } = daemon
  t.match(log, /^<--- XMPP sent to 'desk' --->\n<message [^\n]*seen in the log[^\n]*\n<------------->$/m)
  t.match(log, /^<--- XMPP received from 'desk' --->\n<message [^\n]*seen in the log[^\n]*\n<------------->$/m)
  t.match(log, /^<--- XMPP sent to 'desk' --->\n<presence [^\n]*unavailable[^\n]*\n<------------->$/m)
  t.notMatch(log, 'not seen')
  for (const secret of [user.password, wrong.password, server.componentSecret]) {
    t.strictSame(
      disguises(secret).filter(text => log.includes(text)),
      [],
      `${secret} in no disguise`,
    )
  }
  const sasl = [...log.matchAll(/<(auth|challenge|response|success|handshake)\b[^>]*[^/]>([^<]*)</g)]
  t.strictSame(
    sasl.filter(([, , text]) => text !== '[masked]'),
    [],
    'every message of a login is masked',
  )
  const names = new Set(sasl.map(([, name]) => name))
  const asked = server.mechanism === 'PLAIN' ? [] : ['challenge', 'response', 'success']
  t.strictSame([...names].sort(), ['auth', 'handshake', ...asked].sort())
  // ejabberd calls the versions of a roster by digests.
  const others = log.replace(/ ver='[^']*'/g, '')
  t.notMatch(others, /biws|[a-z],,n=|\b[0-9a-f]{40}\b/, "no SCRAM message, no digest of the component's")
}

/** A secret as it is, its unmistakable end, and what base64 makes of that at any place in a message. */
function disguises(secret: string): string[] {
  const end = secret.slice(-10)
  const base64 = [0, 1, 2].map(offset => {
    const text = Buffer.from(' '.repeat(offset) + end).toString('base64')
    // Leave out what depends on the bytes before and behind.
    return text.slice(offset === 0 ? 0 : 4, -4)
  })
  return [secret, end, Buffer.from(end).toString('hex'), ...base64]
}
