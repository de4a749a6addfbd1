import type { Mechanism } from './mechanism.ts'
import { prepare } from './prepare.ts'

/** EXTERNAL, RFC 4422 appendix A: the certificate shown in TLS says who we are (XEP-0178). */
export const external: Mechanism = {
  name: 'EXTERNAL',
  plaintext: false,
  turns: 1,
  needs: 'certificate',
  async *start({ credentials, domain }) {
    const { username } = await credentials()
    // The server could take it from the certificate (XEP-0178 §2), but not every one reads the '=' that says so: jabberd2 does not.
    yield username === '' ? '' : `${await prepare(username, 'user name')}@${domain}`
  },
}
