import type { Xep } from '../routes.ts'
import { register } from '../xep/0077-register.ts'
import type { Buddies } from './buddies.ts'
import type { Watchers } from './watchers.ts'

/** What a component account answers beside what every account does: buddies may register, as they may with res_xmpp. */
export function componentXeps(domain: string, buddies: Buddies, watchers: Watchers): readonly Xep[] {
  return [
    register({
      allowed: jid => buddies.get(jid) !== undefined,
      // Who is seen. The others may have registered when another daemon ran.
      registered: (jid, address) => (address === domain && buddies.get(jid)?.subscription === 'to') || undefined,
      instructions: 'By registering you let this telephone system see when you are available.',
      onRemove: ({ jid, address }) => {
        if (address === domain) buddies.subscribed(jid, false)
        watchers.delete(address, jid)
      },
    }),
  ]
}
