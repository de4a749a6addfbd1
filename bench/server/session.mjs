import { createHash } from 'node:crypto'
import { attribute, textOf } from './framing.mjs'
import { Scram } from './scram.mjs'
import { blast, dribble } from './stanzas.mjs'

export const PASSWORD = 'pw'
export const SECRET = 'secret'

const NS_STREAMS = 'http://etherx.jabber.org/streams'
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const NS_SASL2 = 'urn:xmpp:sasl:2'
const NS_BIND2 = 'urn:xmpp:bind:0'

let sequence = 0

/**
 * What a server says to one client: canned replies, each sent when the client's bytes up to there have been read, so that whoever sends
 * ahead is answered in one flight.
 */
export class Session {
  #offer
  #wire
  #out = []
  #domain = ''
  #streamId = ''
  #jid = ''
  #scram
  #mechanism = ''
  #sasl2 = false
  /** The Bind 2 request that came with the login. */
  #inline
  #how = []
  #authenticated = false
  #messages = 0

  /**
   * @param offer `{ kind: 'client' | 'component' | 'websocket', starttls, sasl2, mechanisms }`
   * @param wire `{ socket, tls(), write(texts), framed(text), startTls(), end() }`
   */
  constructor(offer, wire) {
    this.#offer = offer
    this.#wire = wire
  }

  /** Stanzas of a WebSocket say their namespace themselves (RFC 7395 §3.3.3). */
  get #xmlns() {
    return this.#offer.kind === 'websocket' ? " xmlns='jabber:client'" : ''
  }

  /** Sends what the bytes read until now have to be answered with. */
  flush() {
    if (this.#out.length === 0) return
    const out = this.#out
    this.#out = []
    this.#wire.write(out)
  }

  header(text) {
    this.#domain = attribute(text, 'to')
    this.#streamId = `s${++sequence}`
    if (this.#offer.kind === 'component') {
      this.#jid = this.#domain
      this.#out.push(
        `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='${NS_STREAMS}' from='${this.#domain}' id='${this.#streamId}'>`,
      )
    } else {
      this.#out.push(
        `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAMS}' from='${this.#domain}' id='${this.#streamId}' version='1.0' xml:lang='en'>`,
        this.#features(),
      )
    }
  }

  /** A WebSocket's `<open/>` in place of a header. */
  open(text) {
    this.#domain = attribute(text, 'to')
    this.#out.push(
      `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='${this.#domain}' id='s${++sequence}' version='1.0' xml:lang='en'/>`,
      this.#features(),
    )
  }

  end() {
    this.#out.push('</stream:stream>')
    this.flush()
    this.#wire.end()
  }

  element(text) {
    if (text.startsWith('<message')) this.#message(text)
    else if (text.startsWith('<iq')) this.#iq(text)
    else if (text.startsWith('<starttls')) this.#startTls()
    else if (text.startsWith('<authenticate')) this.#authenticate(text)
    else if (text.startsWith('<auth')) this.#begin(attribute(text, 'mechanism'), textOf(text, 'auth'))
    else if (text.startsWith('<response')) this.#respond(textOf(text, 'response'))
    else if (text.startsWith('<handshake')) this.#handshake(textOf(text, 'handshake'))
  }

  // ── logging in ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #features() {
    const { starttls, sasl2, mechanisms = ['PLAIN'] } = this.#offer
    const stream = xml => `<stream:features xmlns:stream='${NS_STREAMS}'>${xml}</stream:features>`
    if (this.#authenticated) {
      // XEP-0386 §3: what is bound is not to be bound again.
      if (this.#inline !== undefined) return stream('')
      const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
      return stream(`${bind}<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>`)
    }
    if (starttls && this.#wire.tls() === undefined) {
      return stream("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>")
    }
    const names = mechanisms.map(name => `<mechanism>${name}</mechanism>`).join('')
    const inline = `<inline><bind xmlns='${NS_BIND2}'><inline/></bind></inline>`
    const second = sasl2 ? `<authentication xmlns='${NS_SASL2}'>${names}${inline}</authentication>` : ''
    return stream(`<mechanisms xmlns='${NS_SASL}'>${names}</mechanisms>${second}`)
  }

  #startTls() {
    this.#how.push('STARTTLS')
    this.#out.push("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    this.flush()
    this.#wire.startTls()
  }

  /** XEP-0388, with what XEP-0386 puts into it. */
  #authenticate(text) {
    this.#sasl2 = true
    if (text.includes(NS_BIND2)) this.#inline = { tag: textOf(text, 'tag') }
    this.#begin(attribute(text, 'mechanism'), textOf(text, 'initial-response'))
  }

  #begin(mechanism, initial) {
    this.#mechanism = mechanism
    if (!mechanism.startsWith('SCRAM-')) return this.#success('')
    this.#scram = new Scram(mechanism, PASSWORD)
    const challenge = this.#scram.first(Buffer.from(initial, 'base64').toString())
    const ns = this.#sasl2 ? NS_SASL2 : NS_SASL
    this.#out.push(`<challenge xmlns='${ns}'>${Buffer.from(challenge).toString('base64')}</challenge>`)
  }

  #respond(text) {
    const proof = this.#scram.final(Buffer.from(text, 'base64').toString())
    if (proof !== undefined) return this.#success(Buffer.from(proof).toString('base64'))
    const ns = this.#sasl2 ? NS_SASL2 : NS_SASL
    this.#out.push(`<failure xmlns='${ns}'><not-authorized xmlns='${NS_SASL}'/></failure>`)
  }

  #success(data) {
    this.#authenticated = true
    this.#how.push(`${this.#sasl2 ? 'SASL2' : 'SASL'} ${this.#mechanism}`)
    if (!this.#sasl2) {
      this.#out.push(`<success xmlns='${NS_SASL}'>${data}</success>`)
      return
    }
    const extra = data === '' ? '' : `<additional-data>${data}</additional-data>`
    if (this.#inline !== undefined) this.#bound('Bind 2', `${this.#inline.tag || 'tag'}~${++sequence}`)
    const who = this.#inline === undefined ? `bench@${this.#domain}` : this.#jid
    const bound = this.#inline === undefined ? '' : `<bound xmlns='${NS_BIND2}'/>`
    this.#out.push(
      `<success xmlns='${NS_SASL2}'>${extra}<authorization-identifier>${who}</authorization-identifier>${bound}</success>`,
      // XEP-0388 §2.5: at once, for the stream is not restarted.
      this.#features(),
    )
  }

  #bound(how, resource) {
    this.#how.push(how)
    this.#jid = `bench@${this.#domain}/${resource}`
  }

  #handshake(proof) {
    const right = createHash('sha1').update(`${this.#streamId}${SECRET}`).digest('hex')
    this.#how.push('handshake')
    const error = `<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`
    this.#out.push(proof === right ? '<handshake/>' : error)
  }

  // ── stanzas ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #iq(text) {
    const id = attribute(text, 'id')
    const type = attribute(text, 'type')
    if (type !== 'get' && type !== 'set') return
    if (text.includes('xmpp-bind')) {
      this.#bound('bind', textOf(text, 'resource') || `r${++sequence}`)
      const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${this.#jid}</jid></bind>`
      this.#out.push(`<iq${this.#xmlns} type='result' id='${id}'>${bind}</iq>`)
      return
    }
    const from = attribute(text, 'to')
    const to = attribute(text, 'from') || this.#jid
    const sender = from === '' ? '' : ` from='${from}'`
    this.#out.push(`<iq${this.#xmlns} type='result' id='${id}'${sender} to='${to}'/>`)
  }

  /** Messages are counted. One whose body begins with `!` is a command. */
  #message(text) {
    this.#messages++
    const at = text.indexOf('>!')
    if (at < 0) return
    const [command, count, kind] = text
      .slice(at + 2, text.indexOf('<', at))
      .trim()
      .split(' ')
    if (command === 'mark') this.#say(`#mark ${this.#messages}`)
    else if (command === 'how') this.#say(`#how ${[this.#wire.tls() ?? 'in clear', ...this.#how].join(', ')}`)
    else if (command === 'blast') {
      this.flush()
      const traffic = { kind, count: Number(count), to: this.#jid, xmlns: this.#xmlns, framed: this.#wire.framed }
      if (kind === 'split') dribble(this.#wire.socket(), traffic)
      else blast(this.#wire.socket(), traffic)
    }
  }

  #say(body) {
    const addresses = `from='ctl@localhost/x' to='${this.#jid}'`
    this.#out.push(`<message${this.#xmlns} ${addresses} type='chat'><body>${body}</body></message>`)
  }
}
