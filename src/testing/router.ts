import { StanzaError, StreamError } from '../errors.ts'
import { bareJid, prepareJid, resourceOf } from '../jid.ts'
import { NS_CLIENT } from '../negotiate.ts'
import type { PubsubEngine } from '../pubsub/index.ts'
import type { Element } from '../stream/element.ts'
import type { Accounts } from './accounts.ts'
import type { Hub } from './hub.ts'
import { deliverMessage } from './messages.ts'
import type { Peer, Peers } from './peers.ts'
import { broadcast, deliverPresence, depart, noteDirected } from './presence.ts'
import { Rosters } from './rosters.ts'
import { answerIq } from './server-iq.ts'
import { toService } from './services.ts'
import { domainOf, errorReply, readdress, translate } from './stanza.ts'
import { isSubscription, receiveSubscription, sendSubscription } from './subscriptions.ts'

/**
 * Sees each stanza a peer sent, its `from` stamped, before anything is done with it. Returning nothing lets it go on as it is, an
 * element or several take its place, an empty array makes it vanish.
 */
export type StanzaHook = (stanza: Element, sender: string) => Element | readonly Element[] | undefined | void

/** Takes what peers send, and brings it to whom it is for (RFC 6120 §10, RFC 6121 §8). */
export class Router implements Hub {
  readonly accounts: Accounts
  readonly peers: Peers
  readonly rosters = new Rosters()
  readonly components: ReadonlySet<string>
  readonly services: ReadonlyMap<string, PubsubEngine>
  readonly copies = new WeakMap<Element, number>()
  hook: StanzaHook | undefined

  constructor(
    accounts: Accounts,
    components: ReadonlySet<string>,
    peers: Peers,
    services: ReadonlyMap<string, PubsubEngine> = new Map(),
  ) {
    this.accounts = accounts
    this.components = components
    this.services = services
    this.peers = peers
  }

  /**
   * One element from a peer's stream.
   * @throws StreamError when the peer has forfeited its stream with it
   */
  receive(peer: Peer, received: Element): void {
    const { name, ns } = received
    if (ns !== peer.stream.ns || (name !== 'message' && name !== 'presence' && name !== 'iq')) {
      throw new StreamError('unsupported-stanza-type', `<${name}> is no stanza`)
    }
    const stanza = peer.component ? this.#fromComponent(peer, received) : this.#fromClient(peer, received)
    if (stanza === undefined) return
    const hooked = this.hook?.(stanza, peer.jid) ?? stanza
    for (const each of Array.isArray(hooked) ? hooked : [hooked]) this.#dispatch(peer, each as Element)
  }

  /** A peer is gone, whichever way. Doing it twice does nothing more. */
  leave(peer: Peer): void {
    if (this.peers.remove(peer) && !peer.component) depart(this, peer)
  }

  /**
   * What a session was sent and has not acknowledged when it ended: for other resources, or back to its sender (RFC 6121 §8.5.3.2).
   * What nobody waits for is dropped.
   */
  redeliver(stanza: Element): void {
    const { from, to, type } = stanza.attrs
    const awaited = stanza.name === 'message' ? type !== 'error' : type === 'get' || type === 'set'
    if (from === undefined || to === undefined || stanza.name === 'presence' || !awaited) return
    const others = (this.copies.get(stanza) ?? 1) - 1
    this.copies.set(stanza, others)
    if (others <= 0) this.#answered(stanza, this.route(stanza))
  }

  route(stanza: Element): StanzaError | undefined {
    const { to = '' } = stanza.attrs
    const domain = domainOf(to)
    if (this.components.has(domain)) {
      const component = this.peers.find(domain)
      if (component === undefined) return unavailable('the component is not connected')
      this.peers.send(component, stanza)
      return undefined
    }
    const service = this.services.get(domain)
    if (service !== undefined) return toService(this, service, stanza)
    if (!this.accounts.domains.has(domain)) return new StanzaError('cancel', 'remote-server-not-found')
    if (bareJid(to) === domain) return this.#toServer(stanza)
    // RFC 6121 §8.5.1: presence never tells who exists.
    if (!this.accounts.has(bareJid(to))) return stanza.name === 'presence' ? undefined : unavailable()
    if (stanza.name === 'message') return deliverMessage(this, stanza)
    if (stanza.name === 'iq') return this.#iqToUser(stanza)
    if (isSubscription(stanza.attrs.type)) receiveSubscription(this, stanza)
    else deliverPresence(this, stanza)
    return undefined
  }

  /** Stamps `from` (RFC 6120 §8.1.2.1); what cannot be routed is answered at once. */
  #fromClient(peer: Peer, received: Element): Element | undefined {
    const stamped = readdress(received, { from: peer.jid })
    return this.#checked(peer, stamped, received.attrs.to)
  }

  /** XEP-0114 §3: a component says for itself which of its addresses speaks, but for nobody else's. */
  #fromComponent(peer: Peer, received: Element): Element | undefined {
    const { from, to } = received.attrs
    if (from === undefined || to === undefined) {
      throw new StreamError('improper-addressing', `a component's stanza has "from" and "to"`)
    }
    const prepared = prepareJid(from)
    if (prepared === undefined || domainOf(prepared) !== peer.jid) throw new StreamError('invalid-from', from)
    return this.#checked(peer, readdress(translate(received, NS_CLIENT), { from: prepared }), to)
  }

  #checked(peer: Peer, stanza: Element, to: string | undefined): Element | undefined {
    const { type, id } = stanza.attrs
    const prepared = to === undefined ? undefined : prepareJid(to)
    const request = type === 'get' || type === 'set'
    let error: StanzaError | undefined
    if (to !== undefined && prepared === undefined) error = new StanzaError('modify', 'jid-malformed')
    else if (stanza.name === 'iq') {
      const known = request || type === 'result' || type === 'error'
      // RFC 6120 §8.2.3.
      if (!known || !id || (request && stanza.elements.length !== 1)) error = new StanzaError('modify', 'bad-request')
    }
    if (error === undefined) return readdress(stanza, { to: prepared })
    const reply = errorReply(stanza, error)
    if (reply !== undefined) this.peers.send(peer, readdress(reply, { from: prepared }))
    return undefined
  }

  #dispatch(peer: Peer, stanza: Element): void {
    let error: StanzaError | undefined
    try {
      error = peer.component ? this.route(stanza) : this.#outbound(peer, stanza)
    } catch (thrown) {
      if (!(thrown instanceof StanzaError)) throw thrown
      error = thrown
    }
    this.#answered(stanza, error)
  }

  #answered(stanza: Element, error: StanzaError | undefined): void {
    if (error === undefined) return
    const reply = errorReply(stanza, error)
    if (reply !== undefined) this.route(reply)
  }

  #outbound(peer: Peer, stanza: Element): StanzaError | undefined {
    const { to, type } = stanza.attrs
    if (stanza.name !== 'presence') return this.route(readdress(stanza, { to: to ?? peer.bare }))
    // A hook may have cut its sender off, of whom unavailable is the last word then.
    if (this.peers.find(peer.jid) !== peer) return undefined
    if (to === undefined) broadcast(this, peer, stanza)
    else if (isSubscription(type)) return sendSubscription(this, stanza)
    else {
      noteDirected(peer, stanza)
      return this.route(stanza)
    }
    return undefined
  }

  #toServer(stanza: Element): undefined {
    const reply = stanza.name === 'iq' ? answerIq(this, stanza, 'server') : undefined
    if (reply !== undefined) this.route(reply)
  }

  #iqToUser(stanza: Element): StanzaError | undefined {
    const { from = '', to = '', type } = stanza.attrs
    if (resourceOf(to) === '' && bareJid(from) === to) {
      const reply = answerIq(this, stanza, 'account')
      if (reply !== undefined) this.route(reply)
      return undefined
    }
    const peer = this.peers.find(to)
    if (peer !== undefined) this.peers.send(peer, stanza)
    // An answer that finds nobody is dropped, a request is answered for the user (RFC 6121 §8.5.2.1.3, §8.5.3.2.3).
    else if (type === 'get' || type === 'set') return unavailable()
    return undefined
  }
}

const unavailable = (text = ''): StanzaError => new StanzaError('cancel', 'service-unavailable', text)
