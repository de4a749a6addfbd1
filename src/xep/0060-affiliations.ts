/** XEP-0060 §5.7 and §8.9: who may do what with a node. */
import type { IqOptions, Session } from '../session.ts'
import { type Element, el } from '../stream/element.ts'
import { type Affiliation, affiliations, NS_PUBSUB, NS_PUBSUB_OWNER } from './0060-pubsub.ts'
import { askOwner, askPubsub, attribute, childrenNamed, jidOf } from './0060-request.ts'
import type { OwnOptions } from './0060-subscriptions.ts'

/** What one may do with a node. */
export interface NodeAffiliation {
  readonly node: string
  readonly affiliation: Affiliation
}

/** One's own affiliations with the nodes of a service, or with one of them (§5.7). @throws as {@link subscriptions} */
export async function affiliationsOf(
  session: Session,
  service: string | undefined,
  { node, ...options }: OwnOptions = {},
): Promise<NodeAffiliation[]> {
  const children = [el('affiliations', NS_PUBSUB, { node })]
  const answer = await askPubsub(session, service, { type: 'get', children }, options)
  const list = answer?.child('affiliations')
  return childrenNamed(list, 'affiliation').flatMap(element => {
    const named = attribute(element, 'node') ?? (list && attribute(list, 'node')) ?? node
    const affiliation = readAffiliation(element)
    return named === undefined || affiliation === undefined ? [] : { node: named, affiliation }
  })
}

/** What somebody may do with a node. */
export interface JidAffiliation {
  /** Prepared where a service has said it. */
  readonly jid: string
  readonly affiliation: Affiliation
}

/**
 * Who may do what with a node (§8.9.1).
 * @throws what {@link Session.iq} throws; of the service (§8.9.1.3) `feature-not-implemented` with `unsupported`, `forbidden`, `item-not-found`
 */
export async function nodeAffiliations(
  session: Session,
  service: string | undefined,
  node: string,
  options: IqOptions = {},
): Promise<JidAffiliation[]> {
  const answer = await askOwner(session, service, 'get', el('affiliations', NS_PUBSUB_OWNER, { node }), options)
  return readJidAffiliations(answer?.child('affiliations'))
}

/**
 * Changes what others may do; those that are not in the list stay (§8.9.2).
 * @throws as {@link nodeAffiliations}; `not-acceptable` where some of it could not be done, such as taking the last owner away: the `<pubsub/>` of the answer, which the
 *   error does not hold, then says how it is
 */
export async function setAffiliations(
  session: Session,
  service: string | undefined,
  node: string,
  list: readonly JidAffiliation[],
  options: IqOptions = {},
): Promise<void> {
  const changes = list.map(({ jid, affiliation }) => el('affiliation', NS_PUBSUB_OWNER, { jid, affiliation }))
  await askOwner(session, service, 'set', el('affiliations', NS_PUBSUB_OWNER, { node }, ...changes), options)
}

/** The JIDs and what they may do in an `<affiliations/>`, of whichever of the namespaces it is. */
export function readJidAffiliations(list: Element | undefined): JidAffiliation[] {
  return childrenNamed(list, 'affiliation').flatMap(element => {
    const [jid, affiliation] = [jidOf(element), readAffiliation(element)]
    return jid === undefined || affiliation === undefined ? [] : { jid, affiliation }
  })
}

/** The affiliation that an element tells; undefined for a word that is none. */
function readAffiliation({ attrs }: Element): Affiliation | undefined {
  return affiliations.find(word => word === attrs.affiliation)
}
