import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import { transport } from '../../src/stream/transport.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
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
