import { type Element, onEvery, type Xep } from '../../src/index.ts'
import { Waiters } from '../helper/waiters.ts'

/** ms to wait for what should come soon. */
const PATIENCE = 10_000

/** Takes note of the messages and the presence a session gets, for whoever asks for them. */
export class Listener {
  /** To be one of the session's. */
  readonly xep: Xep
  /** Not yet asked for, oldest first. */
  readonly #stanzas: Element[] = []
  readonly #arrivals = new Waiters()

  constructor() {
    const take = (stanza: Element): void => {
      this.#stanzas.push(stanza)
      this.#arrivals.wake()
    }
    this.xep = { name: 'listener', routes: [onEvery('message', take), onEvery('presence', take)] }
  }

  /** The body of the first message from that JID that was not asked for yet. */
  async body(from: string): Promise<string> {
    return (await this.#next('message', { from })).childText('body') ?? ''
  }

  /** The first message from that JID that was not asked for yet. */
  message(from: string): Promise<Element> {
    return this.#next('message', { from })
  }

  /** The first presence from that JID that was not asked for yet; without a type it is available. */
  presence(from: string, type?: string): Promise<Element> {
    return this.#next('presence', { from, type })
  }

  #next(name: string, attrs: Record<string, string | undefined>): Promise<Element> {
    const fits = (stanza: Element): boolean =>
      stanza.name === name && Object.keys(attrs).every(key => stanza.attrs[key] === attrs[key])
    const look = (): Element | undefined => {
      const index = this.#stanzas.findIndex(fits)
      return index < 0 ? undefined : this.#stanzas.splice(index, 1)[0]
    }
    const missing = (): string => `${this.#stanzas.join('\n')}\nbut no ${name} ${JSON.stringify(attrs)}`
    return this.#arrivals.until(look, missing, PATIENCE)
  }
}
