// The floor: canned bytes over a socket and a search for end tags; no XML, no checks, no bookkeeping.
import { once } from 'node:events'
import { connect } from 'node:net'

const END = '</message>'

class Raw {
  #socket
  #hear = () => {}
  #pings = []
  #last = 0
  /** The end of what has been read, in which an end tag may have begun. */
  #tail = Buffer.alloc(0)

  async open({ host, port, domain }) {
    this.#socket = connect({ host, port, noDelay: true })
    await once(this.#socket, 'connect')
    const header = `<?xml version='1.0'?><stream:stream to='${domain}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`
    await this.#turn(header)
    await this.#turn("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGJlbmNoAHB3</auth>")
    await this.#turn(header)
    await this.#turn("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    this.#socket.on('data', bytes => this.#read(bytes))
    return this
  }

  async #turn(text) {
    this.#socket.write(text)
    await once(this.#socket, 'data')
  }

  #read(bytes) {
    if (this.#pings.length > 0) {
      for (let at = bytes.indexOf('<iq'); at >= 0; at = bytes.indexOf('<iq', at + 3)) this.#pings.shift()()
      return
    }
    // What the server answers to a command is the only thing that is looked at.
    const body = bytes.length < 2000 && bytes.includes('>#') ? /(#[^<]*)</.exec(bytes.latin1Slice())[1] : ''
    const seam = Buffer.concat([this.#tail, bytes.subarray(0, END.length - 1)])
    const cut = seam.indexOf(END)
    if (cut >= 0 && cut < this.#tail.length) this.#hear('', body)
    let at = 0
    for (let end = bytes.indexOf(END); end >= 0; end = bytes.indexOf(END, at)) {
      at = end + END.length
      this.#hear('', body)
    }
    this.#tail = bytes.subarray(Math.max(at, bytes.length - END.length + 1))
  }

  onMessage(callback) {
    this.#hear = callback
  }

  send(to, body) {
    const text = `<message to='${to}' type='chat' id='m${++this.#last}'><body>${body}</body></message>`
    return this.#socket.write(text) ? undefined : once(this.#socket, 'drain')
  }

  ping(to) {
    this.#socket.write(`<iq to='${to}' type='get' id='p${++this.#last}'><ping xmlns='urn:xmpp:ping'/></iq>`)
    return new Promise(resolve => this.#pings.push(resolve))
  }

  async close() {
    this.#socket.end('</stream:stream>')
    await once(this.#socket, 'close')
  }
}

export const peer = {
  name: 'raw socket',
  offer: 'client',
  logins: [],
  connect: options => new Raw().open(options),
}
