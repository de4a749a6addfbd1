import type { Clock } from '../clock.ts'
import type { AccountConfig } from '../config/account.ts'
import { bareJid } from '../jid.ts'
import { on, onEvery, type Xep } from '../routes.ts'
import { NS_CAPS } from '../xep/0115-caps.ts'
import { rosterPushes } from '../xep/roster.ts'
import type { Buddies } from './buddies.ts'
import type { BuddyCapabilities } from './capabilities.ts'
import type { AccountEvent } from './events.ts'
import type { Inbox } from './inbox.ts'
import { onMessage } from './incoming-messages.ts'
import { onPresence, type Watchers } from './incoming-presence.ts'

/** What an account lends to the handlers of what it receives. */
export interface ArrivalsHost {
  readonly config: () => AccountConfig
  readonly buddies: Buddies
  readonly capabilities: BuddyCapabilities
  readonly inbox: Inbox
  readonly clock: Clock
  readonly emit: (event: AccountEvent) => void
  /** Whether a message with that id was sent by us; asked once for each. */
  readonly sent: (id: string) => boolean
}

/** Handlers for the roster pushes, messages and presence of an account. */
export function arrivals(host: ArrivalsHost): Xep {
  // Whoever forges one push can forge many: the first is worth a line.
  let told = false
  const onForged = (sender: string): void => {
    if (!told) host.emit({ type: 'warning', text: `a roster push from ${sender} was refused: it is not our server's` })
    told = true
  }
  const roster = rosterPushes(item => host.buddies.push(item), onForged)
  const watchers: Watchers = { session: undefined, atLogin: 0, granted: 0 }
  const message = onEvery('message', (stanza, session) => onMessage(host, stanza, session))
  const presence = onEvery('presence', (stanza, session) => onPresence(host, stanza, session, watchers))
  // Behind the one that takes the presence itself.
  const announcement = on('presence', NS_CAPS, 'c', (stanza, session) => {
    const from = session.sender(stanza)
    const { to } = stanza.attrs
    if (from === undefined) return
    // A component asks from the address that was told, which is the one that may know.
    const asking = session.component && to !== undefined ? { from: bareJid(to) } : {}
    // It is not waited for: a handler that waits is one of few.
    void host.capabilities.see(session, host.buddies, from, asking)
  })
  return { name: 'account', routes: [...(roster.routes ?? []), message, presence, announcement] }
}
