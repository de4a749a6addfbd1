import { SaslError } from '../errors.ts'

/** Who logs in, and what proves it. */
export interface Credentials {
  /** The authentication identity: for XMPP the localpart. */
  readonly username: string
  readonly password: string
}

/** Fetched when a mechanism needs it, and once per attempt: a token may have to be asked for first. */
export type CredentialSource = () => Promise<Credentials>

/** What a mechanism may ask of those who run it. */
export interface SaslContext {
  readonly credentials: CredentialSource
  /** The client's nonce for SCRAM, printable and without a comma. Random unless given; test vectors give it. */
  readonly nonce?: () => string
}

/**
 * A mechanism is a dialogue: it yields what we say and is resumed with what the server answered; when it returns, it has seen
 * all it wants, the server's proof above all. Strings are the decoded payloads, '' is an empty one.
 */
export interface Mechanism {
  /** As registered with IANA. */
  readonly name: string
  /** The password itself, or something that does for it, goes over the wire. */
  readonly plaintext: boolean
  start(context: SaslContext): AsyncGenerator<string, void, string>
}

/**
 * The first of `mechanisms`, which stand in order of preference, that the server offers and that may be used here.
 * @throws SaslError `invalid-mechanism` when there is none, saying what was offered; `encryption-required` when the only
 * ones in common would show the password to whoever listens
 */
export function selectMechanism(
  mechanisms: readonly Mechanism[],
  offered: readonly string[],
  { plaintext }: { readonly plaintext: boolean },
): Mechanism {
  const common = mechanisms.filter(mechanism => offered.includes(mechanism.name))
  const usable = common.find(mechanism => plaintext || !mechanism.plaintext)
  if (usable !== undefined) return usable
  if (common.length > 0) {
    throw new SaslError(
      'encryption-required',
      `only ${names(common)} in common, which needs TLS to protect the password`,
    )
  }
  const theirs = offered.length === 0 ? 'no mechanism' : offered.join(' ').slice(0, 300)
  throw new SaslError('invalid-mechanism', `the server offers ${theirs}, we know ${names(mechanisms)}`)
}

const names = (mechanisms: readonly Mechanism[]): string => mechanisms.map(({ name }) => name).join(' ')
