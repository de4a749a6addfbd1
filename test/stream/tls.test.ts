import { once } from 'node:events'
import { connect as netConnect, type Socket } from 'node:net'
import { createSecureContext, TLSSocket, connect as tlsConnect } from 'node:tls'
import t from 'tap'
import { describe, type XmppError } from '../../src/errors.ts'
import { dial } from '../../src/stream/dial.ts'
import { el } from '../../src/stream/element.ts'
import { XmlStream } from '../../src/stream/stream.ts'
import type { TlsClientOptions } from '../../src/stream/tls.ts'
import { transport } from '../../src/stream/transport.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { listen } from '../helper/listen.ts'
import { rejects } from '../helper/rejects.ts'
import { NS_CLIENT } from '../helper/session.ts'

const DOMAIN = 'im.example.com'
const certificate = makeCertificate({ names: [DOMAIN] })
const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls'

/** Node's own TLS server side, for facts that ours does not tell. */
function accept(socket: Socket, options: object = {}): TLSSocket {
  const { cert, key } = certificate
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: createSecureContext({ cert, key, ...options }),
  })
  return secure.on('error', () => {})
}

/** Resolves when nothing of the connection is left on either side. */
async function allGone(sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) if (!socket.closed) await once(socket, 'close')
}

t.test('STARTTLS, both sides ours', async t => {
  const served: XmlStream[] = []
  const { port, sockets } = await listen(t, async socket => {
    const stream = new XmlStream(transport(socket), { ns: NS_CLIENT })
    served.push(stream)
    await stream.readHeader()
    stream.sendHeader({ id: 'clear', version: '1.0' })
    await stream.expect(NS_TLS, 'starttls')
    stream.send(el('proceed', NS_TLS))
    await stream.startTls({ role: 'acceptor', cert: certificate.cert, key: certificate.key })
    stream.restart()
    await stream.readHeader()
    stream.sendHeader({ id: 'tls', version: '1.0' })
    const message = await stream.next()
    if (message) stream.send(message)
    await stream.next()
  })
  const stream = new XmlStream(await dial({ host: '127.0.0.1', port }), { ns: NS_CLIENT })
  t.equal(stream.transport.tls, undefined)
  t.equal((await stream.open({ to: DOMAIN })).header.attrs.id, 'clear')
  stream.send(el('starttls', NS_TLS))
  await stream.expect(NS_TLS, 'proceed')
  await stream.startTls({ domain: DOMAIN, ca: certificate.ca })
  t.match(stream.transport.tls, { version: 'TLSv1.3', alpn: undefined, verified: true, cipher: /^TLS_/ })
  t.equal((await stream.open({ to: DOMAIN })).header.attrs.id, 'tls')
  const text = 'Gr\u00fc\u00dfe \u{1f339} '.repeat(20_000)
  stream.send(el('message', NS_CLIENT, {}, text))
  t.equal((await stream.next())?.text, text, 'many records, cut anywhere')
  const [client, server] = [stream.transport.tls, served[0]?.transport.tls]
  t.ok(client && server)
  const label = 'EXPORTER-Channel-Binding'
  t.same(client?.exporter(32, label), server?.exporter(32, label), 'the exporter gives both sides the same')
  t.equal(client?.exporter(32, label).length, 32)
  t.notSame(client?.exporter(32, label), client?.exporter(32, 'EXPORTER-other'))
  await stream.close()
  await allGone(sockets)
})

t.test('direct TLS: SNI and ALPN, as the server sees them', async t => {
  let seen: unknown
  const { port } = await listen(t, socket => {
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: createSecureContext({ cert: certificate.cert, key: certificate.key }),
      ALPNProtocols: ['xmpp-client', 'http/1.1'],
      SNICallback: (name, done) => {
        seen = name
        done(null)
      },
    })
    secure.on('error', () => {})
  })
  const stream = new XmlStream(await dial({ host: '127.0.0.1', port }), { ns: NS_CLIENT })
  t.teardown(() => stream.destroy())
  await stream.startTls({ domain: DOMAIN, ca: certificate.ca, alpn: 'xmpp-client' })
  t.equal(seen, DOMAIN, 'the domain of the JID, not the host that was dialled')
  t.equal(stream.transport.tls?.alpn, 'xmpp-client')
})

t.test('SNI: what is asked for', async t => {
  const all = makeCertificate({
    names: [DOMAIN, 'bücher.example', 'host.provider.example'],
    addresses: ['192.0.2.1', '2001:db8::1'],
  })
  const seen: unknown[] = []
  const { port } = await listen(t, socket => {
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: createSecureContext(all),
      SNICallback: (name, done) => {
        seen.push(name)
        done(null)
      },
    })
    secure.on('error', () => {})
  })
  const rows: readonly (readonly [TlsClientOptions, string | undefined])[] = [
    [{ domain: DOMAIN }, DOMAIN],
    [{ domain: 'bücher.example' }, 'xn--bcher-kva.example'],
    [{ domain: DOMAIN, servername: 'host.provider.example' }, 'host.provider.example'],
    // RFC 6066 §3: an address is not asked for.
    [{ domain: '192.0.2.1' }, undefined],
    [{ domain: '[2001:db8::1]' }, undefined],
    [{ domain: DOMAIN, servername: '192.0.2.1' }, undefined],
  ]
  for (const [options, wanted] of rows) {
    const clear = await dial({ host: '127.0.0.1', port })
    const secure = await clear.startTls({ ...options, ca: all.ca })
    t.match(secure.tls, { verified: true })
    t.equal(seen.pop(), wanted, JSON.stringify(options))
    secure.destroy()
  }
  const clear = await dial({ host: '127.0.0.1', port })
  await rejects(t, clear.startTls({ domain: DOMAIN, servername: 'other.example', ca: all.ca }), {
    code: 'XMPP_TLS_REFUSED',
    message: /not for other\.example/,
  })
  await rejects(t, clear.startTls({ domain: 'a..b', ca: all.ca }), { code: 'XMPP_JID_MALFORMED' })
  clear.destroy()
})

t.test('no newer version than an initiator wants', async t => {
  const { port } = await listen(t, socket => void accept(socket))
  for (const [maxVersion, version] of [
    ['TLSv1.2', 'TLSv1.2'],
    [undefined, 'TLSv1.3'],
  ] as const) {
    const clear = await dial({ host: '127.0.0.1', port })
    const secure = await clear.startTls({ domain: DOMAIN, ca: certificate.ca, maxVersion })
    t.equal(secure.tls?.version, version)
    secure.destroy()
  }
})

t.test('TLS 1.2 is good enough, 1.1 is not', async t => {
  const { port } = await listen(t, socket => void accept(socket, { maxVersion: 'TLSv1.2' }))
  const clear = await dial({ host: '127.0.0.1', port })
  const secure = await clear.startTls({ domain: DOMAIN, ca: certificate.ca })
  t.equal(secure.tls?.version, 'TLSv1.2')
  t.equal(secure.tls?.exporter(20, 'EXPORTER-x').length, 20)
  secure.destroy()
  const weak = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  const old = await listen(t, socket => void accept(socket, weak))
  const clearToo = await dial({ host: '127.0.0.1', port: old.port })
  await rejects(t, clearToo.startTls({ domain: DOMAIN, ca: certificate.ca }), {
    code: 'XMPP_TLS_REFUSED',
    condition: 'protocol_version',
    message:
      /^im\.example\.com ends the TLS handshake: it offers nothing newer than TLS 1\.1, .* \(ERR_SSL_TLSV1_ALERT_/,
  })
  await allGone(old.sockets)
  // and as acceptor
  const served = await listen(t, socket => {
    const { cert, key } = certificate
    transport(socket)
      .startTls({ role: 'acceptor', cert, key })
      .then(
        () => t.fail('TLS 1.1 was accepted'),
        error => t.match(error, { code: 'XMPP_TLS_REFUSED', message: /^TLS failed: unsupported protocol \(ERR_SSL_/ }),
      )
  })
  const client = tlsConnect({ port: served.port, host: '127.0.0.1', rejectUnauthorized: false, ...(weak as object) })
  await rejects(t, once(client, 'secureConnect'), { code: /SSL|ECONNRESET/ })
  await allGone(served.sockets)
})

t.test('a certificate is refused before anything is said, and the socket is closed', async t => {
  let heard = 0
  const { port, sockets } = await listen(t, socket => void accept(socket).on('data', chunk => (heard += chunk.length)))
  const clear = await dial({ host: '127.0.0.1', port })
  const stream = new XmlStream(clear, { ns: NS_CLIENT })
  await rejects(t, stream.startTls({ domain: DOMAIN }), { code: 'XMPP_TLS_REFUSED' })
  await stream.close()
  await allGone(sockets)
  t.equal(heard, 0)
})

t.test('a server that speaks no TLS', async t => {
  const { port, sockets } = await listen(
    t,
    socket => void socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(20)),
  )
  const clear = await dial({ host: '127.0.0.1', port })
  // Its greeting may be in the socket already; then there is no handshake to begin with.
  const refused = await clear.startTls({ domain: DOMAIN }).catch((error: XmppError) => error)
  t.match(refused, { code: 'XMPP_TLS_REFUSED', message: /TLS/ })
  await allGone(sockets)
})

t.test('a peer that hangs up in the middle of the handshake', async t => {
  for (const hangUp of [(s: Socket) => s.end(), (s: Socket) => s.destroy(), (s: Socket) => s.resetAndDestroy()]) {
    const { port, sockets } = await listen(t, socket => void socket.once('data', () => hangUp(socket)))
    const clear = await dial({ host: '127.0.0.1', port })
    const error = await clear.startTls({ domain: DOMAIN }).catch((error: XmppError) => error)
    t.match(error, { code: /^XMPP_(TLS_REFUSED|CONNECTION_LOST)$/ }, describe(error))
    await allGone(sockets)
  }
})

t.test('as acceptor: a client that hangs up, or speaks no TLS', async t => {
  for (const act of [
    (s: Socket) => s.end(),
    (s: Socket) => s.resetAndDestroy(),
    (s: Socket) => s.write('<?xml version="1.0"?><stream:stream>'.repeat(10)),
    (s: Socket) => s.end(Buffer.of(0x16, 0x03, 0x01, 0x00)),
  ]) {
    const outcome = new Promise((resolve, reject) => {
      void listen(t, socket => {
        const { cert, key } = certificate
        transport(socket).startTls({ role: 'acceptor', cert, key }).then(resolve, reject)
      }).then(({ port }) => {
        const client = netConnect(port, '127.0.0.1', () => act(client))
        client.on('error', () => {})
        t.teardown(() => client.destroy())
      })
    })
    await rejects(t, outcome, { code: /^XMPP_(TLS_REFUSED|CONNECTION_LOST)$/ })
  }
})

t.test('as acceptor: the alert of a client, in words', async t => {
  // So many names that no client reads them to the end.
  const endless = makeCertificate({ names: Array.from({ length: 3000 }, (_, n) => `h${n}.example`) })
  const outcome = new Promise((resolve, reject) => {
    void listen(t, socket => {
      transport(socket).startTls({ role: 'acceptor', cert: endless.cert, key: endless.key }).then(resolve, reject)
    }).then(({ port }) => {
      const client = tlsConnect({ port, host: '127.0.0.1' })
      client.on('error', () => {})
    })
  })
  await rejects(t, outcome, {
    code: 'XMPP_TLS_REFUSED',
    condition: 'illegal_parameter',
    message: /^TLS failed: the client has ended it: something in what we said is not allowed there \(ERR_SSL_[\w/]+\)$/,
  })
})

t.test('given up in the middle of the handshake: the reason comes out and no socket stays', async t => {
  let hello: () => void = () => {}
  const saidHello = new Promise<void>(resolve => (hello = resolve))
  const { port, sockets } = await listen(t, socket => void socket.once('data', hello))
  const stream = new XmlStream(await dial({ host: '127.0.0.1', port }), { ns: NS_CLIENT })
  const starting = stream.startTls({ domain: DOMAIN })
  starting.catch(() => {})
  await saidHello
  const reason = new Error('enough')
  stream.destroy(reason)
  t.equal(await starting.catch(error => error), reason)
  t.equal(await stream.next().catch(error => error), reason)
  await allGone(sockets)
})

t.test('what arrived before the handshake is not taken for TLS, nor for what came inside it', async t => {
  const { port, sockets } = await listen(t, socket => {
    socket
      .resume()
      .write(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><proceed/><injected/>",
      )
  })
  const stream = new XmlStream(await dial({ host: '127.0.0.1', port }), { ns: NS_CLIENT })
  await stream.open({})
  await stream.next()
  await rejects(t, stream.startTls({ domain: DOMAIN, ca: certificate.ca }), { condition: 'policy-violation' })
  for (const socket of sockets) socket.end()
  await allGone(sockets)
})

t.test('a reader inside TLS sees the end, and a break', async t => {
  for (const [end, wanted] of [
    [(s: TLSSocket) => s.end(), undefined],
    [(s: TLSSocket) => s.destroy(), undefined],
  ] as const) {
    let server: TLSSocket | undefined
    const { port } = await listen(t, socket => {
      server = accept(socket)
    })
    const clear = await dial({ host: '127.0.0.1', port })
    const secure = await clear.startTls({ domain: DOMAIN, ca: certificate.ca })
    const read = secure.read()
    if (server) end(server)
    t.equal(await read.catch(error => error.code), wanted)
    secure.destroy()
  }
})

t.test('half-close inside TLS', async t => {
  const { port } = await listen(t, socket => {
    const secure = accept(socket)
    let heard = ''
    secure.on('data', chunk => {
      heard += chunk
    })
    secure.on('end', () => secure.end(`heard ${heard}`))
  })
  const clear = await dial({ host: '127.0.0.1', port })
  const secure = await clear.startTls({ domain: DOMAIN, ca: certificate.ca })
  secure.write('one')
  secure.write('two')
  secure.end()
  t.equal(`${Buffer.from((await secure.read()) ?? [])}`, 'heard onetwo')
  t.equal(await secure.read(), undefined)
})
