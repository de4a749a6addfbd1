import type { Clock } from '../clock.ts'
import type { AccountConfig } from '../config/account.ts'
import { onEvery, type Xep } from '../routes.ts'
import { rosterPushes } from '../xep/roster.ts'
import type { Announcer } from './announce.ts'
import type { Buddies } from './buddies.ts'
import type { BuddyCapabilities } from './capabilities.ts'
import type { AccountEvent } from './events.ts'
import type { Inbox } from './inbox.ts'
import { onMessage } from './incoming-messages.ts'
import { onPresence, type Strangers } from './incoming-presence.ts'
import type { AccountRoster } from './roster.ts'
import type { Sent } from './sent.ts'

/** What an account lends to the handlers of what it receives. */
export interface ArrivalsHost {
  readonly config: () => AccountConfig
  readonly buddies: Buddies
  readonly announcer: Announcer
  readonly roster: AccountRoster
  readonly inbox: Inbox
  readonly clock: Clock
  readonly capabilities: BuddyCapabilities
  readonly emit: (event: AccountEvent) => void
  readonly sent: Sent
}

/** Handlers for the roster pushes, messages and presence of an account. */
export function arrivals(host: ArrivalsHost): Xep {
  // Whoever forges one push can forge many: the first is worth a line.
  let told = false
  const onForged = (sender: string): void => {
    if (!told) host.emit({ type: 'warning', text: `a roster push from ${sender} was refused: it is not our server's` })
    told = true
  }
  const roster = rosterPushes((item, ver) => host.roster.push(item, ver), onForged)
  const strangers: Strangers = { session: undefined, atLogin: 0, granted: 0 }
  const message = onEvery('message', (stanza, session) => onMessage(host, stanza, session))
  const presence = onEvery('presence', (stanza, session) => onPresence(host, stanza, session, strangers))
  return { name: 'account', routes: [...(roster.routes ?? []), message, presence] }
}
