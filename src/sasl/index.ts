import { anonymous } from './anonymous.ts'
import { digestMd5 } from './digest-md5.ts'
import { external } from './external.ts'
import type { Mechanism } from './mechanism.ts'
import { oauthbearer } from './oauthbearer.ts'
import { plain } from './plain.ts'
import { scramSha1, scramSha1Plus, scramSha256, scramSha256Plus, scramSha512, scramSha512Plus } from './scram.ts'
import { xOauth2 } from './x-oauth2.ts'

export type { BindingFacts, BindingPolicy, Bindings, BindingType, ChannelBinding, Decision } from './channel-binding.ts'
export { decideBinding } from './channel-binding.ts'
export type { Circumstances, CredentialSource, Credentials, Mechanism, Proof, SaslContext } from './mechanism.ts'
export { refused, selectMechanism } from './mechanism.ts'
export {
  anonymous,
  digestMd5,
  external,
  oauthbearer,
  plain,
  scramSha1,
  scramSha1Plus,
  scramSha256,
  scramSha256Plus,
  scramSha512,
  scramSha512Plus,
  xOauth2,
}

/**
 * All that is built in, strongest first: the order is the order of preference. DIGEST-MD5 stands behind PLAIN, which a server that
 * stores passwords well can check; in clear it comes before it all the same (`selectMechanism`).
 */
export const mechanisms: readonly Mechanism[] = [
  external,
  scramSha512Plus,
  scramSha256Plus,
  scramSha1Plus,
  scramSha512,
  scramSha256,
  scramSha1,
  oauthbearer,
  xOauth2,
  plain,
  digestMd5,
  anonymous,
]
