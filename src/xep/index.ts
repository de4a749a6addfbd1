/** Extensions that every session has. The order does not matter: disco sorts what they offer. */
import type { Xep } from '../routes.ts'
import { disco, type Identity } from './0030-disco.ts'
import { version } from './0092-version.ts'
import { ASTERISK_NODE, caps } from './0115-caps.ts'
import { ping } from './0199-ping.ts'

export function standardXeps(identity: Identity): readonly Xep[] {
  const known = made.get(identity)
  if (known !== undefined) return known
  const xeps = [disco(identity), version, ping, caps(ASTERISK_NODE)]
  made.set(identity, xeps)
  return xeps
}

/** They know nothing of a session, so all sessions of one identity share them. */
const made = new WeakMap<Identity, readonly Xep[]>()

/** What a PBX that is logged in as a user is. */
export const clientIdentity: Identity = { category: 'client', type: 'pc', name: 'res-xmpp' }

/** What a PBX that is attached as a component is: a way to the telephone network. */
export const componentIdentity: Identity = { category: 'gateway', type: 'pstn', name: 'res-xmpp' }
