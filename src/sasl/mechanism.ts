import { SaslError } from '../errors.ts'
import type { ChannelBinding } from './channel-binding.ts'

/** Who logs in, and what proves it; of what proves it, whatever the mechanism chosen needs. */
export interface Credentials {
  /** The authentication identity: for XMPP the localpart; empty for those who have none. */
  readonly username: string
  readonly password?: string | undefined
  /** An OAuth 2.0 access token (RFC 6750). */
  readonly token?: string | undefined
}

/**
 * Fetched when a mechanism needs it, and once per attempt: a token may have to be asked for first. After a refusal a mechanism that shows
 * a token is tried once more: then `refused` is what did not do, and what comes back should be something else.
 */
export type CredentialSource = (refused?: Credentials) => Promise<Credentials>

/** What a mechanism may ask of those who run it. */
export interface SaslContext {
  readonly credentials: CredentialSource
  /** The domain that is logged in to: DIGEST-MD5's host and usual realm, and what OAUTHBEARER names. */
  readonly domain: string
  /** A client's nonce for SCRAM and DIGEST-MD5, printable, without a comma or a quote. Random unless given; test vectors give it. */
  readonly nonce?: (() => string) | undefined
  /** The channel that a -PLUS mechanism binds to. */
  readonly binding?: ChannelBinding | undefined
  /** For a SCRAM without -PLUS: we would have bound, but the server offers no -PLUS (RFC 5802 §6, the flag `y`). */
  readonly couldBind?: boolean | undefined
}

/** What a mechanism proves an identity with. */
export type Proof = 'password' | 'token' | 'certificate' | 'nothing'

/**
 * A mechanism is a dialogue: it yields what we say and is resumed with what the server answered; when it returns, it has seen
 * all it wants, the server's proof above all. Strings are the decoded payloads, '' is an empty one. Only the first thing yielded may be
 * undefined: no initial response, the server speaks first (RFC 6120 §6.4.2).
 */
export interface Mechanism {
  /** As registered with IANA. */
  readonly name: string
  /** The password itself, or something that does for it, goes over the wire. */
  readonly plaintext: boolean
  readonly needs: Proof
  /** A -PLUS: it binds to the TLS channel it is used in. */
  readonly binds?: true
  /** Attributes of `<auth/>` beside the mechanism, as an Element has them. */
  readonly attrs?: Readonly<Record<string, string>>
  start(context: SaslContext): AsyncGenerator<string | undefined, void, string>
}

/** What is known of a login before its mechanism is chosen. */
export interface Circumstances {
  /** Nobody else can listen, or the user has said that it does not matter. */
  readonly plaintext: boolean
  /** There is a channel to bind to, so -PLUS can be used. */
  readonly binding: boolean
  /** What the user can prove an identity with. */
  readonly proofs: ReadonlySet<Proof>
}

/**
 * The first of `mechanisms`, which stand in order of preference, that the server offers and that may be used here.
 * @throws SaslError `invalid-mechanism` when there is none, saying what was offered; `encryption-required` when the only
 * ones in common would show the password to whoever listens
 */
export function selectMechanism(
  mechanisms: readonly Mechanism[],
  offered: readonly string[],
  { plaintext, binding, proofs }: Circumstances,
): Mechanism {
  const ours = mechanisms.filter(({ needs, binds }) => proofs.has(needs) && (binding || binds === undefined))
  const common = ours.filter(({ name }) => offered.includes(name))
  const usable = common.find(mechanism => plaintext || !mechanism.plaintext)
  if (usable !== undefined) return usable
  if (common.length > 0) {
    throw new SaslError(
      'encryption-required',
      `only ${names(common)} in common, which needs TLS to protect the password`,
    )
  }
  const theirs = offered.length === 0 ? 'no mechanism' : offered.join(' ').slice(0, 300)
  throw new SaslError('invalid-mechanism', `the server offers ${theirs}, we can use ${names(ours) || 'none'}`)
}

const names = (mechanisms: readonly Mechanism[]): string => mechanisms.map(({ name }) => name).join(' ')
