import { printable } from '../printable.ts'
import type { NodeDescription, PubsubComponent } from '../pubsub-component/index.ts'
import type { Command, Output, PubsubContext } from './console-command.ts'

/** What the console has to say of a PubSub service that runs here. */
export const pubsubCommands: readonly Command<PubsubContext>[] = [
  {
    words: 'pubsub list',
    args: '[COLLECTION]',
    summary: 'Shows the nodes of the PubSub service that runs here, or those in a collection',
    run: ([collection], { pubsub }) => list(running(pubsub), collection),
  },
  {
    words: 'pubsub show',
    args: 'NODE',
    summary: 'Shows a node of it: its configuration, who has to do with it, and what is in it',
    run: ([name = ''], { pubsub }) => show(existing(running(pubsub), name)),
  },
  {
    words: 'pubsub delete',
    args: 'NODE',
    summary: 'Deletes a node of it, whoever owns it; what is in a collection stays',
    run: async ([name = ''], { pubsub }) => {
      const service = running(pubsub)
      existing(service, name)
      if (!(await service.delete(name))) throw new Error(`the node '${name}' could not be deleted now`)
      return { text: '', data: { node: name } }
    },
  },
  {
    words: 'pubsub stats',
    args: '',
    summary: 'Shows how much there is in it, and whether it is attached to its server',
    run: (_, { pubsub }) => stats(running(pubsub)),
  },
]

function running(service: PubsubComponent | undefined): PubsubComponent {
  if (service === undefined) throw new Error('no PubSub service runs here: [pubsub] in the settings makes one')
  return service
}

function existing(service: PubsubComponent, name: string): NodeDescription {
  const node = service.describe(name)
  if (node === undefined) throw new Error(`there is no node '${name}'`)
  return node
}

function list(service: PubsubComponent, collection: string | undefined): Output {
  const names = collection === undefined ? service.names() : childrenOf(existing(service, collection))
  const nodes = [...names].flatMap(name => service.describe(name) ?? [])
  const rows = nodes.map(({ name, type, items, children, subscriptions }) => {
    const size = type === 'leaf' ? counted(items, 'item') : counted(children.length, 'node')
    return `${printable(name)}  (${type}, ${size}, ${counted(subscriptions, 'subscription')})\n`
  })
  const data = nodes.map(({ name, type, items, children, subscriptions, collections }) => ({
    node: name,
    type,
    ...(type === 'leaf' ? { items } : { children: children.length }),
    subscriptions,
    collections,
  }))
  return { text: `${rows.join('')}${counted(nodes.length, 'node')}\n`, data }
}

function childrenOf({ name, type, children }: NodeDescription): readonly string[] {
  if (type === 'leaf') throw new Error(`the node '${name}' is no collection`)
  return children
}

function show(node: NodeDescription): Output {
  const { name, type, creator, created, config, items, bytes, subscriptions, pending, affiliations } = node
  const { collections, children } = node
  const lines = [
    `Node: ${name}`,
    `Type: ${type}`,
    `Created: ${new Date(created).toISOString()} by ${creator}`,
    ...(collections.length === 0 ? [] : [`In: ${collections.join(', ')}`]),
    ...(type === 'leaf' ? [`Items: ${items}, ${bytes} bytes`] : [`Nodes: ${children.length}`]),
    `Subscriptions: ${subscriptions}${pending === 0 ? '' : `, and ${pending} that wait for an owner`}`,
    'Affiliations:',
    ...[...affiliations].map(([jid, affiliation]) => `    ${jid}  ${affiliation}`),
    'Configuration:',
    ...Object.entries(config).map(([option, value]) => `    ${option} = ${[value].flat().join(', ')}`),
  ]
  const data = { ...node, created: new Date(created).toISOString(), affiliations: Object.fromEntries(affiliations) }
  return { text: lines.map(line => `${printable(line)}\n`).join(''), data }
}

function stats(service: PubsubComponent): Output {
  const { counts, waiting, jid, session } = service
  const attached = session !== undefined
  const text = [
    `Service: ${jid}, ${attached ? 'attached' : 'not attached'}`,
    `Nodes: ${counts.nodes}`,
    `Items: ${counts.items}, ${counts.bytes} bytes`,
    `Subscriptions: ${counts.subscriptions}`,
    `Stanzas that wait to leave: ${waiting}`,
  ]
  return { text: text.map(line => `${line}\n`).join(''), data: { service: jid, attached, ...counts, waiting } }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
