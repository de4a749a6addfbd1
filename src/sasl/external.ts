import type { Mechanism } from './mechanism.ts'

/** EXTERNAL, RFC 4422 appendix A: the certificate shown in TLS says who we are (XEP-0178). */
export const external: Mechanism = {
  name: 'EXTERNAL',
  plaintext: false,
  needs: 'certificate',
  async *start() {
    // No authorization identity: the server takes it from the certificate, which names one account (XEP-0178 §3).
    yield ''
  },
}
