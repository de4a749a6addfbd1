/** XEP-0184 Message Delivery Receipts, version 1.4.0. */
import { detached } from '../detached.ts'
import { StanzaError, XmppError } from '../errors.ts'
import { bareJid, formatJid, parseJid } from '../jid.ts'
import { onEvery, type Xep } from '../routes.ts'
import type { Session } from '../session.ts'
import { Element, el } from '../stream/element.ts'
import { mayReturn } from './bounce.ts'

export const NS_RECEIPTS = 'urn:xmpp:receipts'

/** Who gets receipts of us, and how many we wait for. */
export interface ReceiptsOptions {
  /**
   * Whether the sender of a message, a prepared JID, gets a receipt. It tells that we are there, so whoever may not see our presence should get none
   * (§8). Default: nobody does, and disco does not say that we give any.
   */
  readonly allow?: (from: string, session: Session) => boolean
  /** Receipts that are waited for at once, in all sessions together. Default 1000. */
  readonly waiting?: number
}

/** How long a receipt is waited for. */
export interface ReceiptOptions {
  /** ms until it rejects with `XMPP_TIMEOUT`. Default 30,000. */
  readonly timeout?: number
  readonly signal?: AbortSignal | undefined
}

/** A client of the recipient's has got the message; whether anyone has read it is not said (§4). */
export interface Receipt {
  /** Prepared JID of the client. */
  readonly from: string
  /** The message's. */
  readonly id: string
}

/** The extension for the list of a session, and what is asked of it there. */
export interface Receipts extends Xep {
  /**
   * Sends a message with a request for a receipt, and waits for it. The message is given an id where it has none. The receipt counts only from where
   * the message went; for a bare JID that is any of its resources. That none comes does not mean that the message has not
   * arrived: many clients give none. When the connection is lost it waits on if the session may be resumed; else it rejects, though the
   * next session may send the message again under the same id.
   * @throws StanzaError the message came back; XmppError `XMPP_TIMEOUT`, `XMPP_STREAM_ENDED`, `XMPP_TOO_MANY_WAITERS`, `XMPP_NOT_LOADED` when the session has other
   *   extensions, `XMPP_ADDRESS` for a message to nobody or to a room (§5.3), `XMPP_JID_MALFORMED`, what {@link Session.send} throws; the signal's reason
   */
  sendWithReceipt(session: Session, message: Element, options?: ReceiptOptions): Promise<Receipt>
}

/** Gives receipts to whom it may, and waits for those that were asked for. One value may stand in the lists of several sessions. */
export function receipts({ allow, waiting = 1000 }: ReceiptsOptions = {}): Receipts {
  const awaited = new Awaited(waiting)
  const xep: Receipts = {
    name: 'XEP-0184',
    ...(allow && { features: [NS_RECEIPTS] }),
    routes: [
      onEvery('message', (message, session) => {
        const received = message.child('received', NS_RECEIPTS)
        if (message.attrs.type === 'error') awaited.returned(message, session)
        else if (received !== undefined) awaited.received(received.attrs.id, session.sender(message))
        else if (allow !== undefined) return answer(message, session, allow)
      }),
    ],
    async sendWithReceipt(session, message, options) {
      if (session.xeps.includes(xep)) return awaited.send(session, message, options)
      throw new XmppError('XMPP_NOT_LOADED', 'receipts do not arrive: this value is not among the xeps of the session')
    },
  }
  return xep
}

/**
 * The promise keeps the handler busy while there is no room to send: whoever asks for many receipts and reads none is refused then. What asks for one without an id
 * (§7) cannot be answered, and in a room nobody is asked for one (§5.3).
 */
function answer(
  message: Element,
  session: Session,
  allow: NonNullable<ReceiptsOptions['allow']>,
): Promise<void> | undefined {
  const { from, to: asked, id = '', type } = message.attrs
  const sender = from === undefined ? undefined : session.sender(message)
  if (message.child('request', NS_RECEIPTS) === undefined || id === '' || type === 'groupchat') return undefined
  if (sender === undefined || !session.writable || !allow(sender, session)) return undefined
  const addresses = { to: sender, from: session.component ? asked : undefined }
  const kind = type === 'chat' || type === 'headline' ? type : undefined
  const receipt = el('received', NS_RECEIPTS, { id })
  return session.send(session.stanza('message', { type: kind, ...addresses, id: session.nextId() }, receipt))
}

interface Waiting {
  readonly session: Session
  /** Prepared JID. */
  readonly to: string
  resolve(receipt: Receipt): void
  reject(reason: unknown): void
}

/** Messages whose receipt is waited for, by their ids. */
class Awaited {
  readonly #most: number
  readonly #waiting = new Map<string, Waiting>()
  /** Sessions whose end is told. */
  readonly #watched = new WeakSet<Session>()

  constructor(most: number) {
    this.#most = most
  }

  send(session: Session, message: Element, { timeout = 30_000, signal }: ReceiptOptions = {}): Promise<Receipt> {
    signal?.throwIfAborted()
    const { to, type, id = session.nextId() } = message.attrs
    if (to === undefined || type === 'groupchat' || type === 'error') {
      throw new XmppError('XMPP_ADDRESS', 'a receipt is asked of someone, not of nobody or a room, nor for an error')
    }
    if (this.#waiting.size >= this.#most || this.#waiting.has(id)) {
      const why = this.#waiting.has(id) ? `the receipt of ${id} is` : `${this.#most} receipts are`
      throw new XmppError('XMPP_TOO_MANY_WAITERS', `${why} waited for already`)
    }
    const receipt = this.#wait(session, detached(id), detached(formatJid(parseJid(to))), timeout, signal)
    const request = message.child('request', NS_RECEIPTS) === undefined ? [el('request', NS_RECEIPTS)] : []
    try {
      session.send(new Element(message.name, message.ns, { ...message.attrs, id }, [...message.children, ...request]))
      this.#watch(session)
    } catch (error) {
      this.#waiting.get(id)?.reject(error)
    }
    return receipt
  }

  received(id = '', from: string | undefined): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined || from === undefined) return
    if (from === waiting.to || bareJid(from) === waiting.to) waiting.resolve({ from, id })
  }

  returned(error: Element, session: Session): void {
    const waiting = this.#waiting.get(error.attrs.id ?? '')
    if (waiting !== undefined && mayReturn(waiting.to, error, session)) waiting.reject(StanzaError.from(error))
  }

  #wait(session: Session, id: string, to: string, timeout: number, signal?: AbortSignal): Promise<Receipt> {
    return new Promise<Receipt>((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(id)
        cancel()
        signal?.removeEventListener('abort', aborted)
      }
      const refuse = (reason: unknown): void => {
        end()
        reject(reason)
      }
      const accept = (receipt: Receipt): void => {
        end()
        resolve(receipt)
      }
      const aborted = (): void => refuse(signal?.reason)
      const cancel = session.clock.after(timeout, () => {
        const text = `no receipt from ${to} within ${timeout} ms, though the message may have arrived`
        refuse(new XmppError('XMPP_TIMEOUT', text))
      })
      signal?.addEventListener('abort', aborted)
      this.#waiting.set(id, { session, to, resolve: accept, reject: refuse })
    })
  }

  /** A session that waits for another stream may yet bring the receipt; else nothing will. */
  #watch(session: Session): void {
    if (this.#watched.has(session)) return
    this.#watched.add(session)
    session.whenOver(() => {
      const why = new XmppError('XMPP_STREAM_ENDED', 'the stream ended before the receipt came')
      for (const waiting of [...this.#waiting.values()]) if (waiting.session === session) waiting.reject(why)
    })
  }
}
