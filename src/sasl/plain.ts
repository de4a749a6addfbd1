import type { Mechanism } from './mechanism.ts'
import { prepare } from './prepare.ts'

/** PLAIN, RFC 4616. */
export const plain: Mechanism = {
  name: 'PLAIN',
  plaintext: true,
  async *start({ credentials }) {
    const { username, password } = await credentials()
    yield `\0${await prepare(username, 'user name')}\0${await prepare(password, 'password')}`
  },
}
