import type { Mechanism } from './mechanism.ts'

/** ANONYMOUS, RFC 4505: the server makes up who we are (XEP-0175). */
export const anonymous: Mechanism = {
  name: 'ANONYMOUS',
  plaintext: false,
  turns: 1,
  needs: 'nothing',
  async *start() {
    // The trace information is for whoever reads the server's log; we have nothing to tell him (§2, §5).
    yield ''
  },
}
