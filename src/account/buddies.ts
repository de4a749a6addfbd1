import { detached } from '../detached.ts'
import { bareJid, formatJid, parseJid, resourceOf } from '../jid.ts'
import type { Element } from '../stream/element.ts'
import { type AnnouncedCaps, readCaps } from '../xep/0115-caps.ts'
import { readPresence, type Show } from '../xep/presence.ts'
import type { RosterItem, Subscription } from '../xep/roster.ts'

/** One place a buddy is logged in from, as its latest presence says. Texts are the peer's own. */
export interface Resource {
  /** The resourcepart, '' for a contact that sends presence from its bare JID. */
  readonly name: string
  readonly show: Show | undefined
  readonly status: string
  readonly priority: number
  /** What it has announced of its capabilities (XEP-0115), the same object until it announces others; {@link Account.capabilities} knows what that means. */
  readonly caps: AnnouncedCaps | undefined
}

/** Someone whose presence is wanted or whom the roster holds. */
export interface Buddy {
  /** Prepared bare JID. */
  readonly jid: string
  /** Named by a `buddy=` line. */
  configured: boolean
  subscription: Subscription
  /** A subscription request of ours is waiting for an answer. */
  asked: boolean
  inRoster: boolean
  /** Oldest presence first. */
  readonly resources: Map<string, Resource>
}

/** What JABBER_STATUS gives. */
export const jabberStatus = { available: 1, chat: 2, away: 3, xa: 4, dnd: 5, offline: 6, notInRoster: 7 } as const
/** One of the numbers of {@link jabberStatus}. */
export type JabberStatus = (typeof jabberStatus)[keyof typeof jabberStatus]

/** What one buddy may make us hold. */
const MAX_RESOURCES = 100
/** Contacts of the roster that we keep; a roster of 8 MiB, the most we read, holds more than anyone has. */
const MAX_BUDDIES = 20_000
const MAX_STATUS = 1000

/** The people an account knows: its `buddy=` lines and its roster, with who of them is there. */
export class Buddies {
  readonly #buddies = new Map<string, Buddy>()

  /** Configured ones first, in the order of the file, then those of the roster. */
  list(): readonly Buddy[] {
    return [...this.#buddies.values()]
  }

  /** How many there are. */
  get size(): number {
    return this.#buddies.size
  }

  /** There may be more in the roster than are kept. */
  get full(): boolean {
    return this.#buddies.size >= MAX_BUDDIES
  }

  get(jid: string): Buddy | undefined {
    return this.#buddies.get(bareJid(jid))
  }

  /** Takes the `buddy=` lines; those that are gone from them stay only as long as the roster has them. */
  configure(jids: readonly string[]): void {
    const wanted = new Set(jids.map(jid => bareJid(formatJid(parseJid(jid)))))
    for (const jid of wanted) this.#ensure(jid).configured = true
    for (const buddy of this.list()) {
      if (wanted.has(buddy.jid)) continue
      buddy.configured = false
      this.#dropUnknown(buddy)
    }
  }

  /** Takes a whole roster: what is not in it is not in the roster. */
  roster(items: readonly RosterItem[]): void {
    const listed = new Set(items.map(({ jid }) => jid))
    for (const buddy of this.list()) if (!listed.has(buddy.jid)) this.#leaveRoster(buddy)
    for (const item of items) this.push(item)
  }

  /** Takes one changed item of the roster. */
  push({ jid, subscription, asked }: RosterItem): void {
    const known = this.#buddies.get(jid)
    if (known === undefined && this.full) return
    if (subscription === 'remove') {
      if (known !== undefined) this.#leaveRoster(known)
      return
    }
    const buddy = this.#ensure(jid)
    Object.assign(buddy, { subscription, asked, inRoster: true })
    // Without a subscription nobody will tell us when they leave.
    if (subscription === 'none' || subscription === 'from') buddy.resources.clear()
  }

  /**
   * For a component, which has no roster: a buddy lets us see its presence, or no longer does.
   * @returns whether we see it now and did not before
   */
  subscribed(jid: string, granted: boolean): boolean {
    const buddy = this.get(jid)
    if (buddy === undefined) return false
    const before = buddy.subscription
    buddy.subscription = granted ? 'to' : 'none'
    if (!granted) buddy.resources.clear()
    return granted && before !== 'to'
  }

  /**
   * Takes presence of type available or unavailable. Strangers are nobody's buddies and are ignored.
   * @returns whether that changed anything
   */
  presence(from: string, stanza: Element): boolean {
    const buddy = this.#buddies.get(bareJid(from))
    if (buddy === undefined) return false
    const { resources } = buddy
    const name = detached(resourceOf(from))
    const before = resources.get(name)
    if (stanza.attrs.type === 'unavailable') {
      const known = name === '' ? resources.size > 0 : before !== undefined
      if (name === '') resources.clear()
      else resources.delete(name)
      return known
    }
    // The latest among equals counts, so each new presence goes to the end.
    resources.delete(name)
    if (resources.size >= MAX_RESOURCES) return false
    const { show, status, priority } = readPresence(stanza)
    const now: Resource = {
      name,
      show,
      status: cut(status),
      priority,
      caps: capsOf(stanza, before),
    }
    resources.set(name, now)
    return (
      before?.show !== show || before?.status !== now.status || before?.priority !== priority || before === undefined
    )
  }

  /** Nobody's presence is known any more: the connection has ended. */
  clearPresence(): void {
    for (const { resources } of this.#buddies.values()) resources.clear()
  }

  /** Clears presence as {@link clearPresence} does, and returns it: the session may be resumed, and then it holds again. */
  takePresence(): ReadonlyMap<string, readonly Resource[]> {
    const present = [...this.#buddies.values()].filter(({ resources }) => resources.size > 0)
    const taken = new Map(present.map(({ jid, resources }) => [jid, [...resources.values()]]))
    this.clearPresence()
    return taken
  }

  /** Gives back what {@link takePresence} took, to those who are still there. */
  restorePresence(taken: ReadonlyMap<string, readonly Resource[]>): void {
    for (const [jid, resources] of taken) {
      for (const resource of resources) this.#buddies.get(jid)?.resources.set(resource.name, resource)
    }
  }

  /** JABBER_STATUS of a JID: a bare one stands for its best resource. */
  status(jid: string): JabberStatus {
    const wanted = formatJid(parseJid(jid))
    const buddy = this.#buddies.get(bareJid(wanted))
    if (buddy === undefined) return jabberStatus.notInRoster
    const name = resourceOf(wanted)
    const resource = name === '' ? best(buddy) : buddy.resources.get(name)
    return resource === undefined ? jabberStatus.offline : jabberStatus[resource.show ?? 'available']
  }

  #ensure(name: string): Buddy {
    let buddy = this.#buddies.get(name)
    if (buddy === undefined) {
      const jid = detached(name)
      buddy = { jid, configured: false, subscription: 'none', asked: false, inRoster: false, resources: new Map() }
      this.#buddies.set(jid, buddy)
    }
    return buddy
  }

  #leaveRoster(buddy: Buddy): void {
    if (buddy.inRoster) buddy.resources.clear()
    Object.assign(buddy, { subscription: 'none', asked: false, inRoster: false })
    this.#dropUnknown(buddy)
  }

  #dropUnknown(buddy: Buddy): void {
    if (!buddy.configured && !buddy.inRoster) this.#buddies.delete(buddy.jid)
  }
}

/** The resource with the highest priority, the latest among equals. */
export function best({ resources }: Buddy): Resource | undefined {
  let found: Resource | undefined
  for (const resource of resources.values())
    if (found === undefined || resource.priority >= found.priority) found = resource
  return found
}

/** What holds now: a server may leave out what it has told before (XEP-0115 §8.4). */
function capsOf(stanza: Element, before: Resource | undefined): AnnouncedCaps | undefined {
  const told = readCaps(stanza)
  if (told === undefined) return before?.caps
  const caps = { node: cut(told.node), ver: cut(told.ver), hash: told.hash === undefined ? undefined : cut(told.hash) }
  const { node, ver, hash } = before?.caps ?? {}
  return caps.node === node && caps.ver === ver && caps.hash === hash ? before?.caps : caps
}

/** Not more of a text than we want to hold, and no half of a character at its end. */
function cut(text = ''): string {
  return detached(text.length <= MAX_STATUS ? text : text.slice(0, MAX_STATUS).replace(/[\ud800-\udbff]$/, ''))
}
