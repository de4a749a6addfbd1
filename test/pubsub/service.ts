import type { Test } from 'tap'
import { type EngineOptions, type Outcome, PubsubEngine } from '../../src/pubsub/index.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { HandClock } from '../helper/clock.ts'
import { received } from '../helper/received.ts'

export const SERVICE = 'pubsub.shakespeare.lit'
export const PUBSUB = 'http://jabber.org/protocol/pubsub'
export const OWNER = `${PUBSUB}#owner`
export const EVENT = `${PUBSUB}#event`
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

export const hamlet = 'hamlet@denmark.lit/elsinore'
export const francisco = 'francisco@denmark.lit/barracks'
export const bernardo = 'bernardo@denmark.lit/wall'

/** A service whose ids are `id1`, `id2` and so on, and what it says. */
export class Played {
  readonly clock = new HandClock()
  readonly engine: PubsubEngine
  #ids = 0
  readonly #messages = new Set<string>()

  constructor(options: Partial<EngineOptions> = {}) {
    this.engine = new PubsubEngine({ jid: SERVICE, clock: this.clock, newId: () => `id${++this.#ids}`, ...options })
  }

  /** Sends what stands in an iq, and returns what it comes to, the stanzas as text. */
  ask(from: string, type: 'get' | 'set', payload: string) {
    const iq = received(`<iq type='${type}' from='${from}' to='${SERVICE}' id='i1'>${payload}</iq>`)
    return this.#heard(this.engine.handle(iq))
  }

  /** Sends a message or presence. */
  tell(xml: string) {
    const stanza = received(xml)
    const outcome = stanza.name === 'message' ? this.engine.message(stanza) : this.engine.presence(stanza)
    return this.#heard(outcome)
  }

  /** Lets so many ms pass, and what they bring to an end end. */
  async pass(ms: number) {
    await this.clock.advance(ms)
    return this.#heard(this.engine.tick())
  }

  /** All that was said, without the ids of messages, of which none comes twice. */
  #heard<What extends Outcome>(outcome: What) {
    const notifications = outcome.sent.map(({ name, ns, attrs: { id, ...attrs }, children }) => {
      // An error has that of what it answers.
      const own = name === 'message' && attrs.type !== 'error'
      if (own && (id === undefined || this.#messages.has(id))) throw new Error(`the id ${id} came twice`)
      if (own) this.#messages.add(id as string)
      return el(name, ns, attrs, ...children)
    })
    return { ...outcome, notifications, told: notifications.map(canonical) }
  }

  get(from: string, inner: string, ns = PUBSUB) {
    return this.ask(from, 'get', `<pubsub xmlns='${ns}'>${inner}</pubsub>`)
  }

  set(from: string, inner: string, ns = PUBSUB) {
    return this.ask(from, 'set', `<pubsub xmlns='${ns}'>${inner}</pubsub>`)
  }

  /** Does it, or fails. */
  done(from: string, inner: string, ns = PUBSUB) {
    const result = this.set(from, inner, ns)
    if (result.answer.attrs.type !== 'result') throw new Error(`${inner}: ${result.answer}`)
    return result
  }

  /** A node of hamlet's. */
  node(name: string, fields: Parameters<typeof form>[0] = {}): this {
    this.done(hamlet, `<create node='${name}'/><configure>${form(fields)}</configure>`)
    return this
  }

  affiliate(node: string, jid: string, affiliation: string): this {
    this.done(
      hamlet,
      `<affiliations node='${node}'><affiliation jid='${jid}' affiliation='${affiliation}'/></affiliations>`,
      OWNER,
    )
    return this
  }

  subscribe(node: string, from: string, jid = from.replace(/\/.*/, '')): this {
    this.done(from, `<subscribe node='${node}' jid='${jid}'/>`)
    return this
  }

  publish(node: string, id: string, from = hamlet) {
    return this.done(from, `<publish node='${node}'><item id='${id}'>${entry(id)}</item></publish>`)
  }
}

export const entry = (text = 'x'): string => `<entry xmlns='http://www.w3.org/2005/Atom'>${text}</entry>`

export function form(
  fields: Record<string, string | readonly string[]>,
  type = 'submit',
  kind = 'node_config',
): string {
  const written = Object.entries(fields).map(([name, value]) => {
    const values = typeof value === 'string' ? [value] : value
    return `<field var='pubsub#${name}'>${values.map(each => `<value>${each}</value>`).join('')}</field>`
  })
  const formType = `<field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#${kind}</value></field>`
  return `<x xmlns='jabber:x:data' type='${type}'>${formType}${written.join('')}</x>`
}

/** XML by which two elements can be compared: attributes in order, no white space between elements. */
export function canonical(element: Element): string {
  const attrs = Object.keys(element.attrs).sort()
  const written = attrs.map(name => ` ${name}='${element.attrs[name]}'`).join('')
  const inside = element.children.map(child => (typeof child === 'string' ? child.trim() : canonical(child)))
  return `<{${element.ns}}${element.name}${written}>${inside.join('')}</>`
}

/** The same of XML in `jabber:client`. */
export const wanted = (xml: string): string => canonical(received(xml))

/** What an error says: `type condition own-condition feature code`. */
export function said({ answer }: { answer: Element }): string {
  if (answer.attrs.type !== 'error') return 'result'
  const error = answer.child('error') as Element
  const condition = error.elements.find(({ ns, name }) => ns === STANZAS && name !== 'text')?.name
  const own = error.elements.find(({ ns }) => ns === `${PUBSUB}#errors`)
  return [error.attrs.type, condition, own?.name, own?.attrs.feature].filter(Boolean).join(' ')
}

/** The answer is the result with that inside, `<iq/>` left out. */
export function answers(t: Test, { answer }: { answer: Element }, inner: string, to: string, what = inner): void {
  t.equal(canonical(answer), wanted(`<iq type='result' from='${SERVICE}' to='${to}' id='i1'>${inner}</iq>`), what)
}
