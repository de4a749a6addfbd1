// The far end of a component connection (XEP-0114): it reads as little as can be, so that it disturbs no measurement.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { attribute } from '../server/framing.mjs'

const PUBSUB = 'http://jabber.org/protocol/pubsub'
const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'"

/** What is asked of a PubSub service, as the content of an iq. */
export const asking = {
  create: (node, fields = {}) => {
    const form = Object.entries({ FORM_TYPE: `${PUBSUB}#node_config`, ...fields })
    return `<pubsub xmlns='${PUBSUB}'><create node='${node}'/><configure>${formOf(form)}</configure></pubsub>`
  },
  subscribe: (node, jid, fields) => {
    const form = fields && formOf(Object.entries({ FORM_TYPE: `${PUBSUB}#subscribe_options`, ...fields }))
    const options = form === undefined ? '' : `<options>${form}</options>`
    return `<pubsub xmlns='${PUBSUB}'><subscribe node='${node}' jid='${jid}'/>${options}</pubsub>`
  },
  publish: (node, id, payload) =>
    `<pubsub xmlns='${PUBSUB}'><publish node='${node}'><item id='${id}'>${payload}</item></publish></pubsub>`,
  remove: node => `<pubsub xmlns='${PUBSUB}#owner'><delete node='${node}'/></pubsub>`,
  items: node => `<pubsub xmlns='${PUBSUB}'><items node='${node}'/></pubsub>`,
}

const formOf = fields =>
  `<x xmlns='jabber:x:data' type='submit'>${fields.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`).join('')}</x>`

/** A connection behind its handshake. It counts messages, and looks into nothing but the first tag of an iq. */
export class Wire {
  messages = 0
  #socket
  /** What the last chunk has begun and not ended. */
  #rest = Buffer.alloc(0)
  #asked = new Map()
  #count = 0
  /** How many messages are waited for, and by whom. */
  #wanted = Number.POSITIVE_INFINITY
  #reached = () => {}
  #failed = () => {}

  constructor(socket, first = Buffer.alloc(0)) {
    this.#socket = socket
    this.#take(first)
    socket.on('data', chunk => this.#take(chunk)).on('close', () => this.#end(new Error('the connection has ended')))
    socket.resume()
  }

  /** Resolves when so many messages have come. */
  async heard(messages) {
    if (this.messages >= messages) return
    await new Promise((resolve, reject) => {
      this.#wanted = messages
      this.#reached = resolve
      this.#failed = reject
    })
  }

  /** Asks something, and resolves when there is an answer, which has to be a result. */
  ask(from, to, content, type = 'set') {
    const id = `a${++this.#count}`
    return new Promise((resolve, reject) => {
      const answered = answer => {
        if (attribute(answer, 'type') === 'result') resolve()
        else reject(new Error(`${to} has answered ${content} with ${answer}`))
      }
      this.#asked.set(id, { answered, reject })
      this.#socket.write(`<iq type='${type}' id='${id}' from='${from}' to='${to}'>${content}</iq>`)
    })
  }

  /** Asks for many things, so many of them at one time. */
  async askAll(from, to, contents, atOnce = 50) {
    const left = contents[Symbol.iterator]()
    const worker = async () => {
      for (const content of left) await this.ask(from, to, content)
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  }

  end() {
    this.#socket.end('</stream:stream>')
  }

  #end(error) {
    for (const { reject } of this.#asked.values()) reject(error)
    this.#asked.clear()
    this.#failed(error)
  }

  /** Tags that have not ended wait for the next chunk; nobody here writes `>` in an attribute. */
  #take(chunk) {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const end = bytes.lastIndexOf('>') + 1
    if (bytes.indexOf('</stream:stream>') >= 0) this.#socket.end('</stream:stream>')
    this.#rest = bytes.subarray(end)
    const whole = bytes.subarray(0, end)
    for (let at = whole.indexOf('<message '); at >= 0; at = whole.indexOf('<message ', at + 9)) this.messages++
    for (let at = whole.indexOf('<iq '); at >= 0; at = whole.indexOf('<iq ', at + 4)) {
      const tag = whole.toString('latin1', at, whole.indexOf('>', at) + 1)
      const id = attribute(tag, 'id')
      this.#asked.get(id)?.answered(tag)
      this.#asked.delete(id)
    }
    if (this.messages >= this.#wanted) {
      this.#wanted = Number.POSITIVE_INFINITY
      this.#reached()
    }
  }
}

/** In place of a server: whoever comes is let in. @returns its port; `next()` waits for the next component, `stop()` ends it */
export async function startSink() {
  const sockets = new Set()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.setNoDelay(true)
    letIn(socket).then(
      wire => server.emit('component', wire),
      () => socket.destroy(),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    host: '127.0.0.1',
    port: server.address().port,
    next: async () => (await once(server, 'component'))[0],
    stop: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

async function letIn(socket) {
  const [header] = await reading(socket, /<stream:stream[^>]*>/)
  socket.write(`${HEADER} from='${attribute(header, 'to')}' id='one'>`)
  const [, rest] = await reading(socket, /<handshake[^>]*>[^<]*<\/handshake>/)
  socket.write('<handshake/>')
  return new Wire(socket, rest)
}

/** As a component of a real server. */
export async function attach({ host, port, domain, secret }) {
  const socket = connect({ host, port, noDelay: true })
  await once(socket, 'connect')
  socket.write(`${HEADER} to='${domain}'>`)
  const [header] = await reading(socket, /<stream:stream[^>]*>/)
  const digest = createHash('sha1').update(attribute(header, 'id') + secret)
  socket.write(`<handshake>${digest.digest('hex')}</handshake>`)
  const [, rest] = await reading(socket, /<handshake[^>]*\/>|<handshake[^>]*><\/handshake>/)
  socket.on('error', () => {})
  return new Wire(socket, rest)
}

/** Reads until there is what is looked for. @returns it, and what has come behind it */
function reading(socket, pattern) {
  return new Promise((resolve, reject) => {
    let text = ''
    const take = chunk => {
      text += chunk.toString('latin1')
      const found = pattern.exec(text)
      if (found === null) return
      done()
      const end = found.index + found[0].length
      resolve([found[0], Buffer.from(text.slice(end), 'latin1')])
    }
    const broken = () => {
      done()
      reject(new Error(`the connection has ended behind ${JSON.stringify(text)}`))
    }
    const done = () => socket.pause().off('data', take).off('close', broken).off('error', broken)
    socket.on('data', take).on('close', broken).on('error', broken).resume()
  })
}
