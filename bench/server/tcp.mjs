import { createServer } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Framing } from './framing.mjs'
import { Session } from './session.mjs'

/** A server of streams over TCP. `offer.direct` puts TLS below them from the first byte. */
export function tcpServer(offer, secureContext) {
  const secured = socket => new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ['xmpp-client'] })

  return createServer({ noDelay: true }, raw => {
    // Clients are killed; that is no error here, whichever layer notices.
    raw.on('error', () => raw.destroy())
    let socket = raw
    const session = new Session(offer, {
      socket: () => socket,
      tls: () => (socket instanceof TLSSocket ? socket.getProtocol() : undefined),
      write: texts => socket.writable && socket.write(texts.join('')),
      framed: Buffer.from,
      startTls: () => {
        socket.removeListener('data', read)
        listen(secured(raw))
      },
      end: () => socket.end(),
    })
    let framing
    const read = bytes => {
      framing.push(bytes.latin1Slice())
      session.flush()
    }
    const listen = next => {
      socket = next
      framing = new Framing({
        header: text => session.header(text),
        element: text => session.element(text),
        end: () => session.end(),
      })
      socket.on('data', read).on('error', () => socket.destroy())
    }
    listen(offer.direct ? secured(raw) : raw)
  })
}
