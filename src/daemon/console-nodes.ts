import type { Account } from '../account/account.ts'
import {
  collectionConfig,
  forEach,
  giveTo,
  leafConfig,
  namesOf,
  ownersOf,
  PATIENCE,
} from '../account/distribution/index.ts'
import { describe, StanzaError } from '../errors.ts'
import { bareJid, formatJid } from '../jid.ts'
import { printable } from '../printable.ts'
import type { Session } from '../session.ts'
import { nodeInfo } from '../xep/0060-discovery.ts'
import { createNode, deleteNode } from '../xep/0060-nodes.ts'
import { pubsubCondition } from '../xep/0060-pubsub.ts'
import { isInCollection, supportsCollections } from '../xep/0248-collections.ts'
import { type Command, find, type Output } from './console-command.ts'

/** What the console does with the nodes of an account's PubSub service, and what the service answers. */
export const nodeCommands: readonly Command[] = [
  {
    words: 'xmpp list nodes',
    args: 'ACCOUNT [COLLECTION]',
    summary: "Lists the nodes of an account's PubSub service, or those in a collection",
    run: async ([name = '', collection], { accounts }) => list(find(accounts, name), collection),
  },
  {
    words: 'xmpp create collection',
    args: 'ACCOUNT COLLECTION',
    summary: 'Creates a collection, which the buddies own too',
    run: async ([name = '', collection = ''], { accounts }) => create(find(accounts, name), collection, true),
  },
  {
    words: 'xmpp create leaf',
    args: 'ACCOUNT COLLECTION LEAF',
    summary: 'Creates a leaf in a collection, which the buddies own too',
    run: async ([name = '', collection = '', leaf = ''], { accounts }) =>
      create(find(accounts, name), leaf, collection),
  },
  {
    words: 'xmpp delete node',
    args: 'ACCOUNT NODE',
    summary: 'Deletes a node',
    run: async ([name = '', node = ''], { accounts }) => {
      const { session, service } = at(find(accounts, name))
      await answered(service, deleteNode(session, service, node, { timeout: PATIENCE }))
      return { text: `Deleted '${printable(node)}' at ${service}.\n`, data: { service, deleted: [node] } }
    },
  },
  {
    words: 'xmpp purge nodes',
    args: 'ACCOUNT NODE',
    summary: 'Deletes a node; with collection_nodes=yes those in it, and not the node itself',
    run: async ([name = '', node = ''], { accounts }) => purge(find(accounts, name), node),
  },
]

async function list(account: Account, collection: string | undefined): Promise<Output> {
  const { session, service } = at(account)
  const nodes = (await answered(service, namesOf(session, service, collection))).sort()
  const jid = bareJid(account.jid)
  const lines = nodes.map(node => `Node name: ${printable(node)}\n`)
  return {
    text: `Connection ${printable(account.name)}: ${printable(jid)}\n${lines.join('')}`,
    data: { account: account.name, jid, service, collection: collection ?? null, nodes },
  }
}

async function create(account: Account, node: string, collection: string | true): Promise<Output> {
  const { session, service } = at(account)
  const config = collection === true ? collectionConfig : leafConfig(collection)
  await answered(service, createNode(session, service, node, { config, timeout: PATIENCE }))
  const lines = [`Created '${printable(node)}' at ${service}.`]
  const owners = ownersOf(account.config)
  try {
    if (owners.length > 0) await answered(service, giveTo(session, service, node, owners))
  } catch (error) {
    lines.push(`The buddies could not be made its owners: ${describe(error)}`)
  }
  const there =
    collection === true ? null : await isInCollection(session, service, node, collection, { timeout: PATIENCE })
  if (there === false)
    lines.push(
      `It is not in '${printable(String(collection))}': ${service} does not do what it was asked to (XEP-0248).`,
    )
  return {
    text: lines.map(line => `${line}\n`).join(''),
    data: { service, created: node, inCollection: there },
    exit: there === false ? 1 : 0,
  }
}

async function purge(account: Account, node: string): Promise<Output> {
  const { session, service } = at(account)
  const doomed = account.config.collection_nodes ? await answered(service, namesOf(session, service, node)) : [node]
  if (account.config.collection_nodes && doomed.length === 0) return nothingIn(session, service, node)
  const deleted: string[] = []
  const failed: { node: string; reason: string }[] = []
  await forEach(doomed, async name => {
    try {
      await answered(service, deleteNode(session, service, name, { timeout: PATIENCE }))
      deleted.push(name)
    } catch (error) {
      if (!account.config.collection_nodes) throw error
      failed.push({ node: name, reason: describe(error) })
    }
  })
  const lines = failed.map(each => `'${printable(each.node)}' could not be deleted: ${each.reason}\n`)
  const what = account.config.collection_nodes
    ? `${deleted.length} nodes in '${printable(node)}'`
    : `'${printable(node)}'`
  return {
    text: `${lines.join('')}Deleted ${what} at ${service}.\n`,
    data: { service, deleted, failed },
    exit: failed.length > 0 ? 1 : 0,
  }
}

/** There may be nothing in a collection, or no collection. */
async function nothingIn(session: Session, service: string, node: string): Promise<Output> {
  const { type } = await answered(service, nodeInfo(session, service, node, { timeout: PATIENCE }))
  const data = { service, deleted: [], failed: [] }
  if (type === 'collection' && (await supportsCollections(session, service, { timeout: PATIENCE })))
    return { text: `There is no node in '${printable(node)}' at ${service}.\n`, data }
  throw new Error(
    `'${node}' at ${service} is no collection, whatever was asked for (XEP-0248): the nodes of devices are deleted one by one, see 'xmpp list nodes'`,
  )
}

/** Where the commands of an account go. */
function at({ name, config, session, state }: Account): { session: Session; service: string } {
  if (config.pubsub === undefined) throw new Error(`account ${name} has no pubsub_node: there is no service to ask`)
  if (!session?.stream.writable) throw new Error(`account ${name} is not connected (${state})`)
  return { session, service: formatJid(config.pubsub) }
}

/** The answer of a service; what it refuses is told in its words. */
async function answered<Answer>(service: string, asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error
    const special = pubsubCondition(error)
    const words = special && `${special.condition}${special.feature === undefined ? '' : ` ${special.feature}`}`
    const absent = error.condition === 'remote-server-not-found' || error.condition === 'service-unavailable'
    const hint = absent ? '; check pubsub_node' : ''
    throw new Error(`${service} answered: ${error.message}${words === undefined ? '' : ` (${words})`}${hint}`)
  }
}
