import { type Clock, systemClock } from '../clock.ts'
import { detached } from '../detached.ts'
import { XmppError } from '../errors.ts'
import { bareJid, formatJid, parseJid } from '../jid.ts'
import type { Delay } from '../xep/0203-delay.ts'
import { boxBytes, kept, messageBytes } from './inbox-memory.ts'
import { Line, type Place } from './line.ts'

/** A received message with a body. */
export interface IncomingMessage {
  /** Prepared JID of the sender. */
  readonly from: string
  /** Exactly as sent; '' where `<body/>` is empty. */
  readonly body: string
  /** RFC 6121 §5.2.2; never `error`. */
  readonly type: 'chat' | 'groupchat' | 'headline' | 'normal'
  readonly id: string | undefined
  /** The clock's time of arrival in ms, by which it expires. */
  readonly received: number
  /** It was sent earlier, or so it says (XEP-0203). */
  readonly delayed: Delay | undefined
}

/** What others may make an inbox hold. */
export interface InboxLimits {
  /** Messages held at once. */
  readonly messages: number
  /** Bytes of memory that all of them take at once, with what is needed to find them. */
  readonly bytes: number
  /** Messages of one bare JID held at once, so that one sender cannot push out what others sent. */
  readonly perSender: number
  /** Receivers that wait at once. */
  readonly waiters: number
}

/** The limits of an inbox that is told no others. */
export const defaultInboxLimits: InboxLimits = {
  messages: 100_000,
  bytes: 67_108_864,
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
  /** Who came earlier has the smaller one, whichever JID each waits for. */
  readonly turn: number
  resolve(message: IncomingMessage): void
  reject(reason: Error): void
}

/** What is held for one JID, and who waits for it. A bare JID stands for its resources too. */
interface Box {
  readonly jid: string
  readonly held: Line<Held>
  readonly waiters: Line<Waiter>
  /** Of a bare JID: all that its messages cost, the boxes of its resources included. */
  bytes: number
  /** Where it stands among the empty ones. */
  spare: Place<Box> | undefined
}

/** A message in the books. */
interface Held {
  readonly message: IncomingMessage
  readonly bytes: number
  /** The bare JID's box. */
  readonly sender: Box
  /** The full JID's; undefined where only the bare one is asked for. */
  readonly exact: Box | undefined
  inAll: Place<Held> | undefined
  inSender: Place<Held> | undefined
  inExact: Place<Held> | undefined
}

/**
 * Empty boxes that stay for whoever comes again: a key that is put into a large Map and taken out of it over and over leaves a trail in its bucket, along which
 * V8 searches for it, as long as the Map is large.
 */
const MAX_SPARE = 100

/**
 * Received messages on their way to JABBER_RECEIVE: each goes to one receiver, the oldest first, and expires when none comes
 * in time. At a limit the oldest message is dropped, and said so: the sender's own where that sender holds too many, or more than
 * half of all bytes, otherwise the oldest of all. A message that alone is more than the limit is not held.
 *
 * Groupchat is kept apart: it is had by the JID of its room alone. The full JID of an occupant stands for what that occupant
 * says in private (XEP-0045 §7.5).
 *
 * Nothing here takes longer when more is held or more wait.
 */
export class Inbox {
  readonly #clock: Clock
  readonly #limits: InboxLimits
  readonly #options: InboxOptions
  /** By bare and full JID, of whom something is held or for whom someone waits, and a few more. */
  readonly #boxes = new Map<string, Box>()
  readonly #spare = new Line<Box>()
  readonly #all = new Line<Held>()
  #bytes = 0
  #waiting = 0
  #lastTurn = 0
  #cancelExpiry: (() => void) | undefined

  constructor(options: InboxOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#limits = { ...defaultInboxLimits, ...options.limits }
  }

  /** Messages held now. */
  get size(): number {
    return this.#all.length
  }

  /** Receivers that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** The oldest of what is held, up to so many, and how much there is; nothing is taken. */
  held(most: number): HeldMessages {
    this.#expire()
    const messages: IncomingMessage[] = []
    for (const { message } of this.#all) {
      if (messages.length >= most) break
      messages.push(message)
    }
    return { messages, count: this.size, bytes: this.#bytes, waiting: this.#waiting }
  }

  /** Gives a message to the first who waits for it, or holds it. */
  put(message: IncomingMessage): void {
    const waiter = this.#waiterFor(message)
    if (waiter !== undefined) waiter.resolve(message)
    else if (this.#options.hold() > 0) this.#hold(message)
  }

  /**
   * The oldest held message from a JID, or the next to come within `timeout` ms; undefined when none came. A bare JID stands
   * for all its resources, that of a room for all that is said in it.
   * @throws XmppError `XMPP_JID_MALFORMED`, `XMPP_TOO_MANY_WAITERS`; the signal's reason
   */
  async receive(jid: string, timeout: number, signal?: AbortSignal): Promise<IncomingMessage | undefined> {
    signal?.throwIfAborted()
    const wanted = formatJid(parseJid(jid))
    this.#expire()
    const held = this.#boxes.get(wanted)?.held.first
    if (held !== undefined) return this.#take(held)
    if (this.#waiting >= this.#limits.waiters) {
      throw new XmppError('XMPP_TOO_MANY_WAITERS', `${this.#waiting} receivers are waiting already`)
    }
    return this.#wait(wanted, timeout, signal)
  }

  /** Forgets everything held and its timer, and lets go of all who wait: their `receive()` rejects with the reason. */
  close(reason: Error): void {
    for (let held = this.#all.first; held !== undefined; held = this.#all.first) this.#take(held)
    for (const { waiters } of [...this.#boxes.values()]) {
      for (let waiter = waiters.first; waiter !== undefined; waiter = waiters.first) waiter.reject(reason)
    }
  }

  /** The first of those who wait for its bare JID and of those who wait for its full one. */
  #waiterFor(message: IncomingMessage): Waiter | undefined {
    const any = this.#boxes.get(bareJid(message.from))?.waiters.first
    const exact = exactJid(message)
    const one = exact === undefined ? undefined : this.#boxes.get(exact)?.waiters.first
    if (any === undefined || one === undefined) return any ?? one
    return any.turn < one.turn ? any : one
  }

  #wait(jid: string, timeout: number, signal?: AbortSignal): Promise<IncomingMessage | undefined> {
    const box = this.#box(jid)
    this.#waiting++
    return new Promise<IncomingMessage | undefined>((resolve, reject) => {
      const end = (): void => {
        place.leave()
        this.#tidy(box)
        this.#waiting--
        cancel()
        signal?.removeEventListener('abort', aborted)
      }
      const give = (message: IncomingMessage | undefined): void => {
        end()
        resolve(message)
      }
      const refuse = (reason: unknown): void => {
        end()
        reject(reason)
      }
      const aborted = (): void => refuse(signal?.reason)
      const place = box.waiters.join({ turn: ++this.#lastTurn, resolve: give, reject: refuse })
      const cancel = this.#clock.after(timeout, () => give(undefined))
      signal?.addEventListener('abort', aborted)
    })
  }

  #hold(message: IncomingMessage): void {
    const { messages, bytes, perSender } = this.#limits
    const bare = bareJid(message.from)
    const full = exactJid(message)
    const size = messageBytes(message)
    if (size + boxBytes(bare) + (full === undefined ? 0 : boxBytes(full)) > bytes) {
      this.#options.onDrop?.(message)
      return
    }
    const sender = this.#box(bare)
    this.#keep(message, size, sender, full === undefined ? undefined : this.#box(full))
    if (sender.held.length > perSender) this.#drop(sender.held.first)
    while (this.#all.length > messages || this.#bytes > bytes) {
      this.#drop(sender.bytes * 2 > bytes ? sender.held.first : this.#all.first)
    }
    if (this.size > 0) this.#cancelExpiry ??= this.#clock.after(this.#options.hold(), this.#onExpiry)
  }

  /** Enters a message into all books. */
  #keep(message: IncomingMessage, bytes: number, sender: Box, exact: Box | undefined): void {
    const held: Held = {
      message: kept(message, exact?.jid ?? sender.jid),
      bytes,
      sender,
      exact,
      inAll: undefined,
      inSender: undefined,
      inExact: undefined,
    }
    this.#charge(sender, bytes + this.#costOf(sender) + (exact === undefined ? 0 : this.#costOf(exact)))
    held.inAll = this.#all.join(held)
    held.inSender = sender.held.join(held)
    held.inExact = exact?.held.join(held)
  }

  /** Takes a held message out of all books. */
  #take({ message, bytes, sender, exact, inAll, inSender, inExact }: Held): IncomingMessage {
    for (const place of [inAll, inSender, inExact]) place?.leave()
    this.#charge(sender, -bytes - this.#costOf(sender) - (exact === undefined ? 0 : this.#costOf(exact)))
    this.#tidy(sender)
    if (exact !== undefined) this.#tidy(exact)
    if (this.#all.length === 0) {
      this.#cancelExpiry?.()
      this.#cancelExpiry = undefined
    }
    return message
  }

  /** What the box of a message costs that is its first, or was its last. */
  #costOf({ held, jid }: Box): number {
    return held.length === 0 ? boxBytes(jid) : 0
  }

  #charge(sender: Box, bytes: number): void {
    sender.bytes += bytes
    this.#bytes += bytes
  }

  #drop(held: Held | undefined): void {
    if (held === undefined) return
    const message = this.#take(held)
    this.#options.onDrop?.(message)
  }

  #expire(): void {
    const before = this.#clock.now() - this.#options.hold()
    for (let held = this.#all.first; held && held.message.received <= before; held = this.#all.first) this.#take(held)
  }

  readonly #onExpiry = (): void => {
    this.#cancelExpiry = undefined
    this.#expire()
    const next = this.#all.first
    if (next === undefined) return
    const rest = next.message.received + this.#options.hold() - this.#clock.now()
    this.#cancelExpiry ??= this.#clock.after(Math.max(rest, 1), this.#onExpiry)
  }

  #box(jid: string): Box {
    let box = this.#boxes.get(jid)
    if (box === undefined) {
      box = { jid: detached(jid), held: new Line(), waiters: new Line(), bytes: 0, spare: undefined }
      this.#boxes.set(box.jid, box)
    }
    box.spare?.leave()
    box.spare = undefined
    return box
  }

  #tidy(box: Box): void {
    if (box.held.length > 0 || box.waiters.length > 0) return
    box.spare = this.#spare.join(box)
    const { length, first } = this.#spare
    if (length <= MAX_SPARE || first === undefined) return
    first.spare?.leave()
    this.#boxes.delete(first.jid)
  }
}

/** The full JID by which a message may be had beside its bare one. */
function exactJid({ from, type }: IncomingMessage): string | undefined {
  return type === 'groupchat' || bareJid(from) === from ? undefined : from
}
