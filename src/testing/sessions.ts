/** XEP-0198 from the server's side: what a session may have of it, and what becomes of one whose connection is lost. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { StreamError } from '../errors.ts'
import { Acknowledgements } from '../session/acknowledgements.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'
import { NS_SM, readHandled } from '../stream-management.ts'
import type { Peer } from './peers.ts'
import type { Router } from './router.ts'

/** What a server does of XEP-0198, and for how long. */
export interface SessionRules {
  readonly streamManagement: boolean
  /** Seconds for which a session waits to be resumed; 0 keeps none. */
  readonly resumeSeconds: number
  /** Where clients should come back to. */
  readonly location: string | undefined
  /** Sessions that may wait at one time; beyond that the one that waits longest ends. */
  readonly connections: number
  readonly clock: Clock
  readonly log: (line: string) => void
}

/** The answer to `<resume/>`. What was resumed goes on only once that is on its way. */
export interface Resumption {
  /** `<resumed/>` or `<failed/>`. */
  readonly reply: Element
  /** The session; undefined when there is none to resume. */
  readonly peer?: Peer
  /** Sends again what has not arrived, over this stream from now on. */
  goOn(stream: XmlStream): void
}

const NS_STANZA_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** Sessions that have ended by themselves of which it is known how much they had handled; the oldest is forgotten first. */
const REMEMBERED = 1000

/** The sessions of this server's users. */
export class Sessions {
  readonly #router: Router
  readonly #rules: SessionRules
  /** By what their id is a digest of, with their account: ended, but not forgotten. */
  readonly #ended = new Map<string, { account: string; handled: number }>()
  /** Without a connection, the one that waits longest first. */
  readonly #hibernating = new Set<Peer>()

  constructor(router: Router, rules: SessionRules) {
    this.#router = router
    this.#rules = rules
  }

  /** Whether stream management is offered at all. */
  get offered(): boolean {
    return this.#rules.streamManagement
  }

  /** Who has no connection and may come back. */
  get hibernating(): readonly Peer[] {
    return [...this.#hibernating]
  }

  /**
   * Begins to count, and returns what `<enable/>` is answered with.
   * @throws StreamError `policy-violation` for a second one (§3)
   */
  enable(peer: Peer, { attrs }: Element): Element {
    if (peer.acks !== undefined) throw new StreamError('policy-violation', 'stream management is enabled already')
    const { clock, resumeSeconds, location } = this.#rules
    peer.acks = new Acknowledgements(peer.stream, clock)
    if (resumeSeconds === 0 || (attrs.resume !== 'true' && attrs.resume !== '1')) return el('enabled', NS_SM)
    peer.resumeId = randomBytes(24).toString('base64url')
    return el('enabled', NS_SM, { id: peer.resumeId, resume: 'true', max: `${resumeSeconds}`, location })
  }

  /**
   * What `<resume/>` is answered with (§5). A session is resumed by the account only whose it is, and by its id.
   * @throws StreamError `bad-format`, or `undefined-condition` for an h that is too high; the session waits on then
   */
  resume(account: string, request: Element): Resumption {
    const { previd = '' } = request.attrs
    const handled = readHandled(request)
    const peer = this.#router.peers.resources(account).find(({ resumeId }) => resumeId && same(resumeId, previd))
    const { acks } = peer ?? {}
    if (peer === undefined || acks === undefined) {
      const known = this.#ended.get(digest(previd))
      const h = known?.account === account ? `${known.handled}` : undefined
      return { reply: failed('item-not-found', h), goOn: () => {} }
    }
    acks.books.acknowledge(handled)
    return {
      reply: el('resumed', NS_SM, { previd, h: `${acks.books.handled}` }),
      peer,
      goOn: stream => {
        const before = peer.stream
        this.#hibernating.delete(peer)
        this.#router.peers.attach(peer, stream)
        acks.stop()
        acks.resume(stream, handled)
        before.fail(new StreamError('conflict', 'the session goes on with another stream'))
      },
    }
  }

  /**
   * An element from a session's stream.
   * @returns whether it is about stream management, and that is offered and enabled
   * @throws StreamError for what ends a stream
   */
  take(peer: Peer, element: Element): boolean {
    if (!this.offered || element.ns !== NS_SM || peer.component) return false
    switch (element.name) {
      case 'enable':
        peer.stream.send(this.enable(peer, element))
        return true
      case 'resume':
        // §5: only instead of binding a resource.
        peer.stream.send(failed('unexpected-request'))
        return true
      case 'r':
      case 'a':
        return peer.acks?.take(element) ?? false
      default:
        return false
    }
  }

  /** The connection under a session has broken: the session waits, where it may. Doing it twice does nothing more. */
  lost(peer: Peer): void {
    const { peers } = this.#router
    if (peer.hibernation !== undefined) return
    if (peer.resumeId === undefined || peers.find(peer.jid) !== peer) return this.end(peer)
    const { clock, resumeSeconds, connections, log } = this.#rules
    peer.acks?.stop()
    const end = (): void => {
      log(`${peer.jid} has not come back`)
      this.#remember(peer)
      this.end(peer)
    }
    this.#hibernating.add(peer)
    peers.hibernate(peer, { cancel: clock.after(resumeSeconds * 1000, end), end })
    log(`${peer.jid} may come back within ${resumeSeconds} s`)
    const [oldest] = this.#hibernating
    if (this.#hibernating.size > connections) oldest?.hibernation?.end()
  }

  /** A session is over, whichever way: what has not arrived goes to others, or back. Doing it twice does nothing more. */
  end(peer: Peer): void {
    this.#hibernating.delete(peer)
    peer.hibernation?.cancel()
    peer.acks?.stop()
    peer.resumeId = undefined
    this.#router.leave(peer)
    for (const stanza of peer.acks?.books.takeUnacknowledged() ?? []) this.#router.redeliver(stanza)
  }

  #remember({ bare: account, resumeId, acks }: Peer): void {
    if (resumeId === undefined || acks === undefined) return
    this.#ended.set(digest(resumeId), { account, handled: acks.books.handled })
    const [oldest] = this.#ended.keys()
    if (this.#ended.size > REMEMBERED && oldest !== undefined) this.#ended.delete(oldest)
  }
}

/** The answer to a client that asks before its time, or for what is not there. @param h what its session had handled, if known */
export function failed(condition: 'item-not-found' | 'unexpected-request', h?: string): Element {
  return el('failed', NS_SM, { h }, el(condition, NS_STANZA_ERRORS))
}

// To look a digest up, or to compare two, tells nothing of how much of an id is right.
const digest = (id: string): string => createHash('sha256').update(id).digest('hex')
const same = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(digest(a)), Buffer.from(digest(b)))
