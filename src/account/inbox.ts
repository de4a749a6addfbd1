import { type Clock, systemClock } from '../clock.ts'
import { detached } from '../detached.ts'
import { XmppError } from '../errors.ts'
import { bareJid, formatJid, parseJid } from '../jid.ts'

/** A received message with a body. */
export interface IncomingMessage {
  /** Prepared JID of the sender. */
  readonly from: string
  /** Exactly as sent. */
  readonly body: string
  /** RFC 6121 §5.2.2; never `error`. */
  readonly type: 'chat' | 'groupchat' | 'headline' | 'normal'
  readonly id: string | undefined
  /** The clock's time of arrival in ms. */
  readonly received: number
}

/** What others may make an inbox hold. */
export interface InboxLimits {
  /** Messages held at once. */
  readonly messages: number
  /** Bytes of all bodies, ids and senders held at once. */
  readonly bytes: number
  /** Messages of one bare JID held at once, so that one sender cannot push out what others sent. */
  readonly perSender: number
  /** Receivers that wait at once. */
  readonly waiters: number
}

/** The limits of an inbox that is told no others. */
export const defaultInboxLimits: InboxLimits = {
  messages: 100_000,
  bytes: 16_777_216,
  perSender: 10_000,
  waiters: 10_000,
}

/** What an inbox holds. */
export interface HeldMessages {
  /** Oldest first. */
  readonly messages: readonly IncomingMessage[]
  /** All of them, and those not among `messages`. */
  readonly count: number
  readonly bytes: number
  /** Receivers that wait. */
  readonly waiting: number
}

/** How an inbox holds messages, and whom it tells. */
export interface InboxOptions {
  /** ms for which a message that nobody waits for is held; asked each time, so that it may change. */
  readonly hold: () => number
  readonly clock?: Clock
  readonly limits?: Partial<InboxLimits>
  /** A limit was reached and this message, the oldest, was given up. */
  readonly onDrop?: (message: IncomingMessage) => void
}

interface Waiter {
  /** A bare JID takes messages of any resource. */
  readonly jid: string
  resolve(message: IncomingMessage): void
  reject(reason: Error): void
}

/** A held message in order of arrival; emptied when it is taken before its time. */
interface Slot {
  message: IncomingMessage | undefined
}

/** Messages of one bare JID, oldest first, and those who wait for them, first come first. */
interface Mailbox {
  readonly slots: Slot[]
  readonly waiters: Waiter[]
  /** Of what is in `slots`. */
  bytes: number
}

/**
 * Received messages on their way to JABBER_RECEIVE: each goes to one receiver, the oldest first, and expires when none comes
 * in time. At a limit the oldest message is dropped, and said so: the sender's own where that sender holds too many, or more than
 * half of all bytes, otherwise the oldest of all. A message that alone is more than the limit is not held.
 */
export class Inbox {
  readonly #clock: Clock
  readonly #limits: InboxLimits
  readonly #options: InboxOptions
  readonly #mailboxes = new Map<string, Mailbox>()
  /** Everything held in order of arrival, from `#head` on; what lies before it is gone. */
  #order: Slot[] = []
  #head = 0
  #count = 0
  #bytes = 0
  #waiting = 0
  #cancelExpiry: (() => void) | undefined

  constructor(options: InboxOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#limits = { ...defaultInboxLimits, ...options.limits }
  }

  /** Messages held now. */
  get size(): number {
    return this.#count
  }

  /** The oldest of what is held, up to so many, and how much there is; nothing is taken. */
  held(most: number): HeldMessages {
    this.#expire()
    const messages: IncomingMessage[] = []
    for (let at = this.#head; at < this.#order.length && messages.length < most; at++) {
      const message = this.#order[at]?.message
      if (message !== undefined) messages.push(message)
    }
    return { messages, count: this.#count, bytes: this.#bytes, waiting: this.#waiting }
  }

  /** Gives a message to the first who waits for it, or holds it. */
  put(message: IncomingMessage): void {
    const { from } = message
    const bare = bareJid(from)
    const mailbox = this.#mailbox(bare)
    const at = mailbox.waiters.findIndex(({ jid }) => jid === bare || jid === from)
    const [waiter] = at < 0 ? [] : mailbox.waiters.splice(at, 1)
    if (waiter !== undefined) waiter.resolve(message)
    else if (this.#options.hold() > 0) this.#hold(mailbox, message)
    this.#tidy(bare, mailbox)
  }

  /**
   * The oldest held message from a JID, or the next to come within `timeout` ms; undefined when none came. A bare JID stands
   * for all its resources.
   * @throws XmppError `XMPP_JID_MALFORMED`, `XMPP_TOO_MANY_WAITERS`; the signal's reason
   */
  async receive(jid: string, timeout: number, signal?: AbortSignal): Promise<IncomingMessage | undefined> {
    signal?.throwIfAborted()
    this.#expire()
    const wanted = formatJid(parseJid(jid))
    const bare = bareJid(wanted)
    const mailbox = this.#mailbox(bare)
    const held = mailbox.slots.find(({ message }) => wanted === bare || message?.from === wanted)
    if (held !== undefined) return this.#take(held)
    if (this.#waiting >= this.#limits.waiters) {
      this.#tidy(wanted, mailbox)
      throw new XmppError('XMPP_TOO_MANY_WAITERS', `${this.#waiting} receivers are waiting already`)
    }
    return this.#wait(wanted, mailbox, timeout, signal)
  }

  /** Forgets everything held and its timer, and lets go of all who wait: their `receive()` rejects with the reason. */
  close(reason: Error): void {
    for (const slot of this.#order.slice(this.#head)) if (slot.message !== undefined) this.#take(slot)
    for (const { waiters } of [...this.#mailboxes.values()]) for (const { reject } of [...waiters]) reject(reason)
  }

  #wait(jid: string, mailbox: Mailbox, timeout: number, signal?: AbortSignal): Promise<IncomingMessage | undefined> {
    this.#waiting++
    return new Promise<IncomingMessage | undefined>((resolve, reject) => {
      const waiter: Waiter = {
        jid,
        resolve: message => settle(() => resolve(message)),
        reject: reason => leave(() => reject(reason)),
      }
      const cancel = this.#clock.after(timeout, () => leave(() => resolve(undefined)))
      const aborted = (): void => leave(() => reject(signal?.reason))
      signal?.addEventListener('abort', aborted)
      mailbox.waiters.push(waiter)

      const settle = (then: () => void): void => {
        this.#waiting--
        cancel()
        signal?.removeEventListener('abort', aborted)
        then()
      }
      const leave = (then: () => void): void => {
        mailbox.waiters.splice(mailbox.waiters.indexOf(waiter), 1)
        this.#tidy(jid, mailbox)
        settle(then)
      }
    })
  }

  #hold(mailbox: Mailbox, message: IncomingMessage): void {
    const { messages, bytes, perSender } = this.#limits
    const size = sizeOf(message)
    if (size > bytes) {
      this.#options.onDrop?.(message)
      return
    }
    const { from, body, id } = message
    const slot: Slot = { message: { ...message, from: detached(from), body: detached(body), id: id && detached(id) } }
    mailbox.slots.push(slot)
    mailbox.bytes += size
    this.#bytes += size
    this.#count++
    this.#order.push(slot)
    // As many are pushed before the next time as are looked at now.
    if (this.#order.length > this.#count * 2 + 1024) this.#forgetEmpty()
    if (mailbox.slots.length > perSender) this.#drop(mailbox.slots[0])
    while (this.#count > messages || this.#bytes > bytes) {
      this.#drop(mailbox.bytes * 2 > bytes ? mailbox.slots[0] : this.#oldest())
    }
    this.#cancelExpiry ??= this.#clock.after(this.#options.hold(), this.#onExpiry)
  }

  #drop(slot: Slot | undefined): void {
    if (slot?.message === undefined) return
    this.#options.onDrop?.(this.#take(slot))
  }

  /** Takes a held message out of all books. */
  #take(slot: Slot): IncomingMessage {
    const message = slot.message as IncomingMessage
    slot.message = undefined
    const mailbox = this.#mailbox(bareJid(message.from))
    const size = sizeOf(message)
    mailbox.slots.splice(mailbox.slots.indexOf(slot), 1)
    mailbox.bytes -= size
    this.#tidy(message.from, mailbox)
    this.#bytes -= size
    this.#count--
    if (this.#count === 0) this.#reset()
    return message
  }

  /** The oldest message still held. */
  #oldest(): Slot | undefined {
    while (this.#head < this.#order.length && this.#order[this.#head]?.message === undefined) this.#head++
    return this.#order[this.#head]
  }

  /** One old message may lie before any number of slots whose messages were taken. */
  #forgetEmpty(): void {
    this.#order = this.#order.filter(({ message }) => message !== undefined)
    this.#head = 0
  }

  /** Nothing is held any more. */
  #reset(): void {
    this.#order = []
    this.#head = 0
    this.#cancelExpiry?.()
    this.#cancelExpiry = undefined
  }

  #expire(): void {
    const before = this.#clock.now() - this.#options.hold()
    for (let slot = this.#oldest(); slot?.message && slot.message.received <= before; slot = this.#oldest()) {
      this.#take(slot)
    }
  }

  readonly #onExpiry = (): void => {
    this.#cancelExpiry = undefined
    this.#expire()
    const next = this.#oldest()?.message
    if (next === undefined) return
    const rest = next.received + this.#options.hold() - this.#clock.now()
    this.#cancelExpiry ??= this.#clock.after(Math.max(rest, 1), this.#onExpiry)
  }

  #mailbox(bare: string): Mailbox {
    let mailbox = this.#mailboxes.get(bare)
    if (mailbox === undefined) {
      mailbox = { slots: [], waiters: [], bytes: 0 }
      this.#mailboxes.set(detached(bare), mailbox)
    }
    return mailbox
  }

  #tidy(jid: string, { slots, waiters }: Mailbox): void {
    if (slots.length === 0 && waiters.length === 0) this.#mailboxes.delete(bareJid(jid))
  }
}

/** Bytes of everything that its sender chose the length of. */
function sizeOf({ from, body, id = '' }: IncomingMessage): number {
  return Buffer.byteLength(from) + Buffer.byteLength(body) + Buffer.byteLength(id)
}
