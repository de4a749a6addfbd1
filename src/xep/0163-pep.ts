/** XEP-0163 Personal Eventing Protocol, version 1.2.2: every account is a PubSub service of its own. */
import { bareJid } from '../jid.ts'
import { on, type Xep } from '../routes.ts'
import type { Session } from '../session.ts'
import { type PubsubEvent, readEvents } from './0060-events.ts'
import { NS_PUBSUB_EVENT } from './0060-pubsub.ts'

/** What happens at a node of somebody's account, which `event.from` names by its bare JID. */
export type PepHandler = (event: PubsubEvent, session: Session) => void

/** Whose events are taken. */
export interface PepOptions {
  /** Of which accounts, by prepared bare JID. Default all: servers send those of contacts and of oneself, but a stranger's server may send anything of its own accounts. */
  readonly from?: ((account: string) => boolean) | undefined
}

/**
 * Takes the events of accounts, by the node: with capabilities announced (XEP-0115) those of our contacts come for each node that has a handler (§4.3). They count
 * from the bare JID of an account alone, since a client is a full JID to its server (RFC 6120 §8.1.2.1), and so no client can send them. Our own account's come the same
 * way. One publishes with `publish(session, undefined, …)`.
 */
export function pep(handlers: Readonly<Record<string, PepHandler>>, { from = () => true }: PepOptions = {}): Xep {
  const byNode = new Map(Object.entries(handlers))
  return {
    name: 'XEP-0163',
    features: [...byNode.keys()].map(node => `${node}+notify`),
    routes: [
      on('message', NS_PUBSUB_EVENT, 'event', (message, session) => {
        const account = session.sender(message)
        if (account === undefined || !account.includes('@') || bareJid(account) !== account || !from(account)) return
        for (const event of readEvents(message, session)) {
          if (event.type !== 'authorization') byNode.get(event.node ?? '')?.(event, session)
        }
      }),
    ],
  }
}
