import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { dial } from '../../src/stream/dial.ts'
import { transport } from '../../src/stream/transport.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { listen } from '../helper/listen.ts'
import { rejects } from '../helper/rejects.ts'

t.test('a peer that ends its side during the handshake is not waited for', async t => {
  const { cert, key } = makeCertificate({ names: ['example.com'] })
  // Half open, as a server has to be that wants its answers read by a peer who is done.
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  for (const hello of ['', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00])]) {
    const accepted = once(server, 'connection')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').resume()
    const [socket] = await accepted
    const pipe = transport(socket)
    const secured = pipe.startTls({ role: 'acceptor', cert, key })
    client.end(hello)
    await rejects(t, secured, { code: 'XMPP_TLS_REFUSED', message: /during the handshake/ })
    pipe.destroy()
    await once(client, 'close')
  }
})

t.test('what is no TLS behind a handshake ends it in plain words', async t => {
  const { cert, key, ca } = makeCertificate({ names: ['example.com'] })
  const inner = await listen(t, socket => {
    transport(socket)
      .startTls({ role: 'acceptor', cert, key })
      .catch(() => {})
  })
  let front: Socket | undefined
  const { port } = await listen(t, socket => {
    front = socket
    const back = connect(inner.port, '127.0.0.1')
    socket.pipe(back).pipe(socket, { end: false })
    back.on('error', () => {})
  })
  const clear = await dial({ host: '127.0.0.1', port })
  const secure = await clear.startTls({ domain: 'example.com', ca })
  const read = secure.read()
  front?.write('<message/>')
  await rejects(t, read, {
    code: 'XMPP_CONNECTION_LOST',
    // And no line of OpenSSL's sources.
    message: /^connection lost: what arrived is not what TLS expects here: [a-z ]+ \(ERR_SSL_[A-Z_]+\)$/,
  })
  secure.destroy()
})
