import type { StanzaError, XmppError } from '../errors.ts'
import type { Progress } from '../negotiate.ts'
import type { Element } from '../stream/element.ts'
import type { Target } from '../stream/resolve.ts'
import type { Direction } from '../stream/stream.ts'
import type { Show } from '../xep/presence.ts'
import type { IncomingMessage } from './inbox.ts'
import type { Pruned } from './roster.ts'

/** In the words of Asterisk's console. */
export type AccountState =
  | 'Disconnecting'
  | 'Disconnected'
  | 'Connecting'
  | Progress
  | 'Retrieving roster'
  | 'Connected'

/** Everything an account tells, by its `type`. */
export type AccountEvent =
  | { readonly type: 'state'; readonly state: AccountState }
  /**
   * Logged in, roster read, presence sent; with `resumed` all of that was there before. `tls` is the protocol version, undefined in clear. `target`
   * is the server, `binding` what the login is bound to, `unbound` why it is not where it could be.
   */
  | {
      readonly type: 'connected'
      readonly resumed: boolean
      readonly jid: string
      readonly mechanism: string
      readonly binding: string | undefined
      readonly unbound: string | undefined
      readonly tls: string | undefined
      readonly target: Target | undefined
    }
  /** `retryIn` in ms. The server may still keep the session if it is `resumable`. `targets` are the servers that were tried, or the one whose connection was lost. */
  | {
      readonly type: 'offline'
      readonly error: unknown
      readonly retryIn: number
      readonly resumable: boolean
      readonly targets: readonly Target[]
    }
  /** A buddy came, changed or went. Strings are the peer's own. */
  | {
      readonly type: 'presence'
      readonly from: string
      readonly available: boolean
      readonly show: Show | undefined
      readonly status: string
      readonly priority: number
    }
  /** It is held for JABBER_RECEIVE too. What was said in a room has the type `groupchat`, our own words there among it. */
  | { readonly type: 'message'; readonly message: IncomingMessage }
  /**
   * The message with the `id` that `send()` gave came back: `to`, the prepared JID it was for, did not get it. Errors from anyone else are
   * not told, nor those about what was sent more than 1000 messages ago.
   */
  | { readonly type: 'bounce'; readonly to: string; readonly id: string; readonly error: StanzaError }
  /** A stanza of ours may not have arrived: the session ended before the server had acknowledged it. */
  | { readonly type: 'failed'; readonly stanza: Element; readonly error: XmppError }
  | { readonly type: 'subscription'; readonly from: string; readonly action: SubscriptionAction }
  /** autoprune has removed contacts from the roster, or tried to. */
  | ({ readonly type: 'pruned' } & Pruned)
  /** With distribute_events: an item of a PubSub node says nothing that we understand, for a reason in words. Strings are the peer's own. */
  | { readonly type: 'skipped'; readonly node: string; readonly item: string | undefined; readonly reason: string }
  /** Something its owner may want to know, and need not do anything about. */
  | { readonly type: 'notice'; readonly text: string }
  /** Something its owner should know that is no failure of the connection. */
  | { readonly type: 'warning'; readonly text: string }
  /** With `debug` on: an element on the wire. It holds secrets; `Dump` writes it down without. */
  | { readonly type: 'debug'; readonly direction: Direction; readonly element: Element }

/** What someone asked or told us. A request was `granted` or `refused`, or just `requested` when too many strangers may see us already: then it is not answered. */
export type SubscriptionAction = 'requested' | 'granted' | 'refused' | 'subscribed' | 'unsubscribe' | 'unsubscribed'
