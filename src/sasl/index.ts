import type { Mechanism } from './mechanism.ts'
import { plain } from './plain.ts'
import { scramSha1, scramSha256, scramSha512 } from './scram.ts'

export type { CredentialSource, Credentials, Mechanism, SaslContext } from './mechanism.ts'
export { selectMechanism } from './mechanism.ts'
export { plain, scramSha1, scramSha256, scramSha512 }

/** All that is built in, strongest first: the order is the order of preference. */
export const mechanisms: readonly Mechanism[] = [scramSha512, scramSha256, scramSha1, plain]
