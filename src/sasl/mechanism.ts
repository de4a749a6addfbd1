import { SaslError } from '../errors.ts'
import { printable } from '../printable.ts'
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
 * Fetched when a mechanism needs it, and once per attempt: a token may have to be asked for first, and is not where `needs` says that something else
 * is shown. After a refusal a mechanism that shows a token is tried once more: then `refused` is what did not do, and what comes back should be
 * something else.
 */
export type CredentialSource = (refused: Credentials | undefined, needs: Proof) => Promise<Credentials>

/** What a mechanism may ask of those who run it. */
export interface SaslContext {
  readonly credentials: () => Promise<Credentials>
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
 * undefined: no initial response, the server speaks first (RFC 6120 §6.4.2). That the server has refused the login is told to it by
 * throwing the failure into it ({@link refused}), for it may know more of the reason.
 */
export interface Mechanism {
  /** As registered with IANA. */
  readonly name: string
  /** The password itself, or something that does for it, goes over the wire. */
  readonly plaintext: boolean
  readonly needs: Proof
  /** How many messages of ours a login has that succeeds; undefined where that is the server's to decide. */
  readonly turns?: number
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
  /** The stream is under TLS. Where it is not, what does not show the password comes first. */
  readonly encrypted: boolean
  /** There is a channel to bind to, so -PLUS can be used. `required`: and nothing else may be, but a certificate, which TLS binds. */
  readonly binding: boolean | 'required'
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
  circumstances: Circumstances,
): Mechanism {
  const { plaintext, encrypted } = circumstances
  const ours = mechanisms.filter(mechanism => fits(mechanism, circumstances))
  const common = ours.filter(({ name }) => offered.includes(name))
  const silent = common.find(mechanism => !mechanism.plaintext && mechanism.needs !== 'nothing')
  const usable = (encrypted ? undefined : silent) ?? common.find(mechanism => plaintext || !mechanism.plaintext)
  if (usable !== undefined) return usable
  if (common.length > 0) {
    throw new SaslError(
      'encryption-required',
      `only ${names(common)} in common, which needs TLS to protect the ${common[0]?.needs}`,
    )
  }
  const theirs = offered.length === 0 ? 'no mechanism' : printable(offered.join(' ').slice(0, 300))
  throw new SaslError('invalid-mechanism', `the server offers ${theirs}, we can use ${names(ours) || 'none'}`)
}

/**
 * Tells a dialogue that the server has refused the login.
 * @throws what the mechanism makes of the failure, which is the failure itself unless it knows more
 */
export async function refused(dialogue: AsyncGenerator<unknown, void, string>, failure: SaslError): Promise<never> {
  await dialogue.throw(failure)
  // It has no business to go on.
  throw failure
}

function fits({ needs, binds }: Mechanism, { proofs, binding }: Circumstances): boolean {
  if (!proofs.has(needs)) return false
  return binds === true ? binding !== false : binding !== 'required' || needs === 'certificate'
}

const names = (mechanisms: readonly Mechanism[]): string => mechanisms.map(({ name }) => name).join(' ')
