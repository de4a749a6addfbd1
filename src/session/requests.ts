import type { Clock } from '../clock.ts'
import { StanzaError, XmppError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import type { Element } from '../stream/element.ts'

interface Pending {
  /** Prepared JIDs an answer may come from; '' stands for no `from` at all. */
  readonly senders: ReadonlySet<string>
  resolve(stanza: Element): void
  reject(reason: unknown): void
}

/** How long to wait for an answer, and who asks. */
export interface IqOptions {
  /** ms until the request rejects with `XMPP_TIMEOUT`. Default 30,000. */
  readonly timeout?: number
  readonly signal?: AbortSignal | undefined
  /** For a component: which of its addresses asks. Default its domain. */
  readonly from?: string
}

/** Requests that wait for their answers, by id (RFC 6120 §8.2.3). */
export class Requests {
  readonly #clock: Clock
  readonly #pending = new Map<string, Pending>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Sends a request and waits for its answer.
   * @param whom for messages
   * @throws StanzaError; XmppError `XMPP_TIMEOUT`; what `send` throws; the signal's reason
   */
  async ask(
    id: string,
    senders: ReadonlySet<string>,
    send: () => void,
    whom: string,
    { timeout = 30_000, signal }: IqOptions,
  ): Promise<Element> {
    let pending!: Pending
    const reply = new Promise<Element>((resolve, reject) => {
      pending = { senders, resolve, reject }
    })
    const aborted = (): void => pending.reject(signal?.reason)
    const cancel = this.#clock.after(timeout, () => {
      pending.reject(new XmppError('XMPP_TIMEOUT', `${whom} within ${timeout} ms`))
    })
    signal?.addEventListener('abort', aborted)
    this.#pending.set(id, pending)
    try {
      send()
      const stanza = await reply
      if (stanza.attrs.type === 'error') throw StanzaError.from(stanza)
      return stanza
    } finally {
      this.#pending.delete(id)
      cancel()
      signal?.removeEventListener('abort', aborted)
    }
  }

  /** An answer; it counts only when it is from whom was asked. */
  take(stanza: Element): void {
    const { id = '', from } = stanza.attrs
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    const sender = from === undefined ? '' : prepareJid(from)
    if (sender !== undefined && pending.senders.has(sender)) pending.resolve(stanza)
  }

  /** No answer will come any more. */
  end(cause: unknown): void {
    for (const { reject } of this.#pending.values()) {
      reject(new XmppError('XMPP_STREAM_ENDED', 'the stream ended before the answer came', { cause }))
    }
  }
}
