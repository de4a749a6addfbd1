import { passwordOf } from './credentials.ts'
import type { Mechanism } from './mechanism.ts'
import { prepare } from './prepare.ts'

/** PLAIN, RFC 4616. */
export const plain: Mechanism = {
  name: 'PLAIN',
  plaintext: true,
  turns: 1,
  needs: 'password',
  async *start({ credentials }) {
    const given = await credentials()
    const password = await prepare(passwordOf(given, 'PLAIN'), 'password')
    yield `\0${await prepare(given.username, 'user name')}\0${password}`
  },
}
