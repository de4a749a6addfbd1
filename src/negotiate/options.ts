import type { BindingPolicy } from '../sasl/channel-binding.ts'
import type { CredentialSource, Mechanism, Proof } from '../sasl/mechanism.ts'
import type { Target } from '../stream/resolve.ts'
import type { TlsClientOptions } from '../stream/tls.ts'
import type { Resumable } from '../stream-management.ts'

/** How far a negotiation has come, in the words of Asterisk's console. */
export type Progress = 'Waiting to request TLS' | 'Requested TLS' | 'Waiting to authenticate' | 'Authenticating'

/**
 * What a negotiation turns to: the TLS handshake behind STARTTLS; what is said in XML, which is also what it begins with; and from
 * `authentication` on credentials are in play.
 */
export type NegotiationStep = 'tls' | 'negotiation' | 'authentication'

/** What a client needs to log in on a stream that is connected. */
export interface ClientNegotiation {
  /** The domain of the JID: the stream's `to`, and what the certificate must name. */
  readonly domain: string
  /** The resource to ask for; the server makes one up when there is none. */
  readonly resource?: string | undefined
  /**
   * The first part of a resource that the server makes up (XEP-0386). Default `res-xmpp`. A `resource` that is the same is taken for this: the
   * server may complete it.
   */
  readonly resourceTag?: string | undefined
  /** `required`: a session under TLS or none. `never`: in clear, a choice the user made in so many words. */
  readonly tls: 'required' | 'never'
  readonly tlsOptions?: Omit<TlsClientOptions, 'domain' | 'alpn' | 'role'>
  readonly credentials: CredentialSource
  /** What the credentials hold to prove an identity with. Default a password. */
  readonly proofs?: ReadonlySet<Proof> | undefined
  /** In order of preference. */
  readonly mechanisms: readonly Mechanism[]
  /** Whether a SCRAM is to be bound to its TLS channel. Default `auto`. */
  readonly channelBinding?: BindingPolicy | undefined
  /** Log in as before SASL, with an iq (XEP-0078); it needs a resource. */
  readonly iqAuth?: boolean | undefined
  /** False takes SASL as it is in RFC 6120 even where the server offers XEP-0388. */
  readonly sasl2?: boolean | undefined
  /** Identifies this installation to its server, a UUID that stays the same (XEP-0388 §2.3). */
  readonly userAgentId?: string | undefined
  /** Enables XEP-0198 where it is offered: to know what has arrived, and with `resumable` to come back to the session. */
  readonly streamManagement?: 'resumable' | 'acknowledge' | undefined
  /** The session to come back to, how many stanzas of the server's it has handled, and who wants to know when that has been asked for. */
  readonly resume?: { readonly id: string; readonly handled: number; readonly onAsked?: () => void } | undefined
  /**
   * False waits for the server's features before asking for a resource or a resumption, as a tester may want. By default the question
   * goes out with the header of the last stream when TLS lies under it: whatever is in clear stays on one machine, where waiting costs nothing.
   */
  readonly pipelining?: boolean | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly onStep?: ((step: NegotiationStep) => void) | undefined
}

/** What a negotiation has come to. */
export interface Negotiated {
  /** The full JID the server has given us, or the component's domain; empty where the earlier session goes on, which has it. */
  readonly jid: string
  /** What the server calls the stream. */
  readonly streamId: string
  /** The SASL mechanism used; `handshake` for a component, `XEP-0078` for a login without SASL. */
  readonly mechanism: string
  /** The server it was negotiated with; undefined where that was somebody else's to know. */
  readonly target?: Target | undefined
  /** What the login is bound to; undefined when it is to nothing. */
  readonly binding?: string | undefined
  /** Why it is not, where both sides could have had it so, in words. */
  readonly unbound?: string | undefined
  /** Stream management: asked for, or enabled already and then perhaps resumable. */
  readonly management?: 'requested' | { readonly resumable: Resumable | undefined } | undefined
  /** The server can tell only what has changed of the roster (RFC 6121 §2.6). Unknown, and so undefined, where a resource was bound by XEP-0386. */
  readonly rosterVersioning?: true | undefined
  /** The earlier session goes on; the server has handled so many of its stanzas. */
  readonly resumed?: { readonly handled: number } | undefined
  /** It does not; the server may say how many it had handled. */
  readonly notResumed?: { readonly handled: number | undefined } | undefined
}
