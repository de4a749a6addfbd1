import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { createServer as createTlsServer, TLSSocket } from 'node:tls'
import { Session } from './session.mjs'

/** A server of streams over WebSocket (RFC 7395): text frames only, no extensions. */
export function webSocketServer(offer, { cert, key }) {
  return offer.direct
    ? createTlsServer({ cert, key, noDelay: true }, socket => accept(socket, offer))
    : createServer({ noDelay: true }, socket => accept(socket, offer))
}

function accept(socket, offer) {
  socket.on('error', () => socket.destroy())
  const session = new Session(offer, {
    socket: () => socket,
    tls: () => (socket instanceof TLSSocket ? socket.getProtocol() : undefined),
    write: texts => socket.writable && socket.write(Buffer.concat(texts.map(frame))),
    framed: frame,
    end: () => socket.end(),
  })

  function text(payload) {
    if (payload.startsWith('<open')) session.open(payload)
    else if (payload.startsWith('<close')) {
      if (!socket.writable) return
      socket.write(frame("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"))
      socket.end(Buffer.from([0x88, 0]))
    } else session.element(payload)
  }

  let pending = Buffer.alloc(0)
  let upgraded = false
  socket.on('data', bytes => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
    if (!upgraded) {
      const end = pending.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.write(upgrade(pending.subarray(0, end).toString()))
      pending = pending.subarray(end + 4)
      upgraded = true
    }
    let at = 0
    for (let next = readFrame(pending, at); next !== undefined; next = readFrame(pending, at)) {
      at = next.end
      if (next.opcode === 8) socket.end()
      else if (next.opcode < 2) text(next.payload.latin1Slice())
    }
    pending = pending.subarray(at)
    session.flush()
  })
}

function upgrade(request) {
  const key = /sec-websocket-key: *(\S+)/i.exec(request)?.[1] ?? ''
  const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade'
  return `${upgraded}\r\nSec-WebSocket-Accept: ${proof}\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n`
}

/** A text frame, as a server sends it: not masked (RFC 6455 §5.1). */
function frame(text) {
  const payload = Buffer.from(text)
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.from([0x81, length]), payload])
  const head = Buffer.from([0x81, 126, 0, 0])
  head.writeUInt16BE(length, 2)
  return Buffer.concat([head, payload])
}

/** The masked frame at that place, undefined while it is not complete. */
function readFrame(bytes, at) {
  if (bytes.length - at < 6) return undefined
  let length = bytes[at + 1] & 127
  let begin = at + 2
  if (length === 126) {
    length = bytes.readUInt16BE(begin)
    begin += 2
  } else if (length === 127) {
    if (bytes.length - at < 14) return undefined
    length = Number(bytes.readBigUInt64BE(begin))
    begin += 8
  }
  const end = begin + 4 + length
  if (bytes.length < end) return undefined
  const mask = bytes.subarray(begin, begin + 4)
  const payload = Buffer.allocUnsafe(length)
  for (let index = 0; index < length; index++) payload[index] = bytes[begin + 4 + index] ^ mask[index & 3]
  return { opcode: bytes[at] & 15, payload, end }
}
