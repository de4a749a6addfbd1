import type { Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import t from 'tap'
import { type ClientOptions, connectClient, createClient } from '../src/client.ts'
import { connectComponent, createComponent } from '../src/component.ts'
import { TlsSessions } from '../src/stream/tls-sessions.ts'
import { makeCertificate } from '../src/testing/certificate.ts'
import { HandClock } from './helper/clock.ts'
import { listen } from './helper/listen.ts'
import { Peer } from './helper/peer.ts'
import { rejects } from './helper/rejects.ts'
import { streamError } from './helper/servers.ts'
import { play, playText } from './helper/transcript.ts'

const DOMAIN = 'im.example.com'
const certificate = makeCertificate({ names: [DOMAIN] })
const HEADER = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'`

const juliet = (port: number, options: Partial<ClientOptions> = {}): ClientOptions => ({
  jid: `juliet@${DOMAIN}/balcony`,
  password: 'r0m30myr0m30',
  host: '127.0.0.1',
  port,
  ca: certificate.ca,
  ...options,
})

/** The server's side of TLS on a socket that a transcript has been played on. */
function secured(socket: Socket): TLSSocket {
  for (const event of ['data', 'end', 'error', 'close']) socket.removeAllListeners(event)
  const { cert, key } = certificate
  return new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert, key }) }).on(
    'error',
    () => {},
  )
}

const STARTTLS = `
C: ${HEADER} to='${DOMAIN}' version='1.0'>
S: ${HEADER} id='s0' version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>
C: <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`

async function greet(socket: Socket): Promise<TLSSocket> {
  await playText(socket, STARTTLS, 'starttls')
  socket.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
  return secured(socket)
}

t.test('a server that cannot go on with the sessions of TLS that it hands out', async t => {
  let handshakes = 0
  // As jabberd2 does it: OpenSSL resumes nothing for who asks for certificates and has not said in what context.
  const secureContext = createSecureContext({ cert: certificate.cert, key: certificate.key })
  const { port } = await listen(t, socket => {
    const options = { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false }
    const inside = new TLSSocket(socket, options).on('error', () => {})
    handshakes++
    inside.once('secure', () => void play(inside, 'client-plain.txt', { peer: new Peer(inside) }).catch(() => {}))
  })
  const told: unknown[] = []
  const options = {
    tls: 'direct',
    sessions: new TlsSessions(),
    onTarget: (target: unknown) => told.push(target),
  } as const
  for (const wanted of [1, 3]) {
    const session = await connectClient(juliet(port, options))
    t.match(session.stream.transport.tls, { verified: true, resumed: false })
    t.equal(handshakes, wanted, 'the one that fails is made up for at once')
    await session.close()
  }
  t.equal(told.length, 2, 'of which nobody is told')
})

t.test('STARTTLS, login, and a session that works', async t => {
  let played: Promise<unknown> = Promise.resolve()
  const { port, gone } = await listen(t, async socket => {
    const inside = await greet(socket)
    const peer = new Peer(inside)
    played = (async () => {
      await play(inside, 'client-plain.txt', { peer })
      await playText(
        inside,
        `
S: <iq type='get' id='v' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
C: <iq type='result' id='v' to='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info'>
  <identity category='client' type='pc' name='res-xmpp'/>
  <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='jabber:iq:version'/><feature var='urn:mine'/><feature var='urn:xmpp:ping'/></query></iq>
C: </stream:stream>
S: </stream:stream>
C: {eof}`,
        'session',
        { peer },
      )
    })()
  })
  const progress: string[] = []
  const session = await connectClient(
    juliet(port, { onProgress: step => progress.push(step), xeps: [{ name: 'mine', features: ['urn:mine'] }] }),
  )
  t.equal(session.jid, `juliet@${DOMAIN}/balcony`)
  t.equal(session.mechanism, 'PLAIN')
  t.match(session.stream.transport.tls, { verified: true, alpn: undefined })
  t.same(progress, ['Waiting to request TLS', 'Requested TLS', 'Waiting to authenticate', 'Authenticating'])
  const running = session.run()
  // The answer to the server's question has left before we say goodbye.
  await new Promise<void>(resolve => {
    session.stream.trace = direction => void (direction === 'out' && setImmediate(resolve))
  })
  await session.close()
  await running
  await played
  await gone()
})

t.test('direct TLS offers xmpp-client by ALPN', async t => {
  let alpn: unknown
  let played: Promise<unknown> = Promise.resolve()
  const { port, gone } = await listen(t, socket => {
    const inside = new TLSSocket(socket, {
      isServer: true,
      secureContext: createSecureContext({ cert: certificate.cert, key: certificate.key }),
      ALPNCallback: ({ protocols }: { protocols: string[] }) => {
        alpn = protocols
        return protocols[0]
      },
    } as never).on('error', () => {})
    played = play(inside, 'client-plain.txt')
  })
  const session = await connectClient(juliet(port, { tls: 'direct' }))
  await played
  t.same(alpn, ['xmpp-client'])
  t.equal(session.stream.transport.tls?.alpn, 'xmpp-client')
  session.stream.destroy()
  await gone()
})

t.test('a component, in clear and directly over TLS', async t => {
  const clear = await listen(t, socket => void play(socket, 'component-handshake.txt'))
  const options = { domain: 'plays.shakespeare.lit', secret: 'test', host: '127.0.0.1' }
  const session = await connectComponent({ ...options, port: clear.port })
  t.equal(session.jid, 'plays.shakespeare.lit')
  t.equal(session.component, true)
  session.stream.destroy()
  await clear.gone()

  const own = makeCertificate({ names: ['plays.shakespeare.lit'] })
  const direct = await listen(t, socket => {
    const inside = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(own) })
    void play(
      inside.on('error', () => {}),
      'component-handshake.txt',
    )
  })
  const secure = await connectComponent({ ...options, port: direct.port, tls: 'direct', ca: own.ca })
  t.equal(secure.stream.transport.tls?.verified, true)
  secure.stream.destroy()
  await direct.gone()
})

t.test('a login that fails leaves no connection', async t => {
  for (const [name, options, wanted] of [
    ['client-sasl-failure.txt', { tls: 'never' }, { name: 'SaslError', condition: 'not-authorized' }],
    ['client-no-starttls.txt', {}, { code: 'XMPP_TLS_UNAVAILABLE' }],
    ['client-starttls-failure.txt', {}, { code: 'XMPP_TLS_REFUSED' }],
    ['client-bind-refused.txt', { tls: 'never' }, { code: 'XMPP_BIND_FAILED' }],
    ['client-no-version.txt', {}, { condition: 'unsupported-version' }],
  ] as const) {
    const { port, gone } = await listen(t, socket => {
      const script = async (): Promise<void> => {
        const peer = new Peer(socket)
        // These end before the client says goodbye, which is what connect() adds.
        await play(socket, name, { peer }).catch(() => {})
        socket.end()
      }
      void script()
    })
    await rejects(t, connectClient(juliet(port, options)), wanted, name)
    await gone()
    t.pass(`${name}: no connection left`)
  }
})

t.test('what is not to be shown is not even fetched', async t => {
  const { port } = await listen(t, socket => void play(socket, 'client-plain.txt').catch(() => {}))
  const token = async (): Promise<string> => t.fail('nobody wants a token here') as never
  const wanted = { condition: 'invalid-mechanism', message: /we can use OAUTHBEARER X-OAUTH2$/ }
  await rejects(
    t,
    connectClient(juliet(port, { tls: 'never', token })),
    wanted,
    'nor the password, where there is a token',
  )
  const own = makeCertificate({ names: [DOMAIN], purpose: 'client' })
  const external = await listen(t, socket => void play(socket, 'client-plain-external.txt'))
  const session = await connectClient(juliet(external.port, { tls: 'never', cert: own.cert, key: own.key }))
  t.equal(session.mechanism, 'PLAIN', 'without TLS nobody sees a certificate')
  session.stream.destroy()
})

t.test('a login that fails is ended by the close tag', async t => {
  let rest: Promise<unknown> = Promise.resolve()
  const { port, gone } = await listen(t, socket => {
    const peer = new Peer(socket)
    rest = play(socket, 'client-sasl-failure.txt', { peer }).then(() =>
      playText(socket, 'C: </stream:stream>\nS: </stream:stream>\nC: {eof}', 'rest', { peer }),
    )
    rest.catch(() => {})
  })
  await rejects(t, connectClient(juliet(port, { tls: 'never' })), { condition: 'not-authorized' })
  // The close tag may come together with what the transcript ends at; either way the connection ends.
  await gone()
  await rest.catch(error => t.match(error, { message: /sent more: <\/stream:stream>/ }))
})

t.test('a wrong certificate', async t => {
  const { port, gone } = await listen(t, socket => void greet(socket).catch(() => {}))
  const other = makeCertificate({ names: [DOMAIN] })
  await rejects(t, connectClient(juliet(port, { ca: other.ca })), { code: 'XMPP_TLS_REFUSED', message: /CA|signature/ })
  await gone()
})

t.test('a tester that wants nothing answered gets no standard extensions either', async t => {
  const client = await listen(t, socket => void play(socket, 'client-plain.txt'))
  const component = await listen(t, socket => void play(socket, 'component-handshake.txt'))
  const session = { automatic: false }
  const sessions = [
    await connectClient(juliet(client.port, { tls: 'never', session })),
    await connectComponent({
      domain: 'plays.shakespeare.lit',
      secret: 'test',
      host: '127.0.0.1',
      port: component.port,
      session,
    }),
  ]
  for (const { xeps, stream } of sessions) {
    t.strictSame(xeps, [])
    stream.destroy()
  }
})

t.test('credentials that never come do not hold up a login for ever', async t => {
  const clock = new HandClock()
  let asked = (): void => {}
  const reached = new Promise<void>(resolve => {
    asked = resolve
  })
  const { port, gone } = await listen(t, socket => {
    void playText(
      socket,
      `
C: ${HEADER} to='${DOMAIN}' version='1.0'>
S: ${HEADER} id='s0' version='1.0'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>`,
    )
  })
  const password = (): Promise<never> => {
    asked()
    return new Promise(() => {})
  }
  const connecting = connectClient(juliet(port, { tls: 'never', password, stream: { clock }, timeout: 7000 }))
  connecting.catch(() => {})
  await reached
  await clock.advance(7000)
  await rejects(t, connecting, { code: 'XMPP_TIMEOUT' })
  t.equal(clock.pending, 0)
  await gone()
})

t.test('given up before it began', async t => {
  const reason = new Error('enough')
  const refused = connectClient(juliet(1, { signal: AbortSignal.abort(reason) }))
  t.equal(await refused.catch(error => error), reason)
})

t.test('a JID that is none is refused at once', async t => {
  await rejects(t, connectClient(juliet(1, { jid: 'a@b@c' })), { code: 'XMPP_JID_MALFORMED' })
})

t.test('a client that stays connected', async t => {
  let connections = 0
  const { port, gone } = await listen(t, socket => {
    connections++
    const peer = new Peer(socket)
    void (async () => {
      await play(socket, 'client-plain.txt', { peer })
      peer.write("<message from='romeo@example.net'><body>hi</body></message>")
      for (;;) {
        const got = await peer.next().catch(() => ({ type: 'eof' }))
        if (got.type === 'close') socket.end('</stream:stream>')
        if (got.type === 'close' || got.type === 'eof') return
      }
    })()
  })
  const client = createClient(juliet(port, { tls: 'never' }))
  const heard = new Promise<string | undefined>(resolve => {
    client.on('message', ({ stanza }) => resolve(stanza.childText('body')))
  })
  client.start()
  t.equal(await heard, 'hi')
  t.equal(client.session?.jid, `juliet@${DOMAIN}/balcony`)
  await client.stop()
  t.equal(client.session, undefined)
  t.equal(connections, 1)
  await gone()
})

t.test('the back-off goes by the clock and the dice that were handed in', async t => {
  const clock = new HandClock()
  const { port, sockets } = await listen(t, socket => void socket.destroy())
  const client = createClient(juliet(port, { tls: 'never', stream: { clock }, random: () => 0 }))
  const offline = (): Promise<number> =>
    new Promise(resolve => {
      const off = client.on('offline', ({ retryIn }) => {
        off()
        resolve(retryIn)
      })
    })
  const first = offline()
  client.start()
  t.equal(await first, 500)
  const second = offline()
  await clock.advance(500)
  t.equal(await second, 1000)
  await client.stop()
  t.equal(clock.pending, 0)
  t.equal(sockets.size, 0)
})

t.test('a client that stays connected, and is sent elsewhere meanwhile', async t => {
  let loggedIn = (): void => {}
  const second = new Promise<void>(resolve => {
    loggedIn = resolve
  })
  const serve = async (socket: Socket, rest: string): Promise<void> => {
    const peer = new Peer(socket)
    await play(socket, 'client-plain.txt', { peer })
    if (rest === '') loggedIn()
    else peer.write(rest)
    for (;;) {
      const got = await peer.next().catch(() => ({ type: 'eof' }))
      if (got.type === 'close') socket.end('</stream:stream>')
      if (got.type === 'close' || got.type === 'eof') return
    }
  }
  const there = await listen(t, socket => void serve(socket, ''))
  const here = await listen(
    t,
    socket =>
      void serve(socket, streamError('see-other-host', `127.0.0.1:${there.port}`).replace(/<\/stream:stream>$/, '')),
  )
  const client = createClient(juliet(here.port, { tls: 'never' }))
  const ports: (number | undefined)[] = []
  const arrived = new Promise<void>(resolve => {
    client.on('online', ({ session }) => {
      ports.push(session.target?.port)
      if (ports.length === 2) resolve()
    })
  })
  const delays: number[] = []
  client.on('offline', ({ retryIn }) => delays.push(retryIn))
  client.start()
  await arrived
  t.same(ports, [here.port, there.port])
  t.same(delays, [0])
  await second
  await client.stop()
  await Promise.all([here.gone(), there.gone()])
})

t.test('an address that can never work is an error at once', async t => {
  for (const jid of ['', 'bot', 'a b@x', 'example.org/bot']) {
    t.throws(() => createClient({ jid, password: 'x' }), /JID|names no user/, jid)
    await rejects(t, connectClient({ jid, password: 'x' }), { code: 'XMPP_JID_MALFORMED' })
  }
  for (const domain of ['', 'a b', 'bot@example.org', 'example.org/bot']) {
    t.throws(() => createComponent({ domain, secret: 'x' }), /malformed JID|no domain/, domain)
    await rejects(t, connectComponent({ domain, secret: 'x', host: '127.0.0.1' }), { code: 'XMPP_JID_MALFORMED' })
  }
})

t.test("a component's domain is prepared before anyone hears of it", async t => {
  let header: string | undefined
  const { port, gone } = await listen(t, socket => {
    socket.once('data', data => {
      header = `${data}`
      socket.end()
    })
  })
  const options = { secret: 'x', host: '127.0.0.1', port }
  await rejects(t, connectComponent({ ...options, domain: 'Plays.XN--BCHER-KVA.example.' }), {
    code: 'XMPP_CONNECTION_LOST',
  })
  t.match(header, / to='plays\.bücher\.example'/)
  await gone()
})
