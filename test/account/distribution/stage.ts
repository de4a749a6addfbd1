import type { Test } from 'tap'
import type { Sharing } from '../../../src/account/index.ts'
import { StateBus } from '../../../src/bus/index.ts'
import { HandClock } from '../../helper/clock.ts'
import { error, exchange, form, owner, pubsub } from '../../helper/pubsub.ts'
import { clientConfig, login, script, watched } from '../setting.ts'
import { seeing } from './pbx.ts'

export const SERVICE = 'pubsub.example.com'
export const OWN = '02:00:00:00:00:01'
export const TWO = '02:00:00:00:00:02'
const to = { to: SERVICE }

// ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const ask = (type: 'get' | 'set', request: string, answer = ''): string => exchange(type, request, answer, to)
export const subscribe = (node: string, answer?: string): string =>
  ask('set', pubsub(`<subscribe node='${node}' jid='juliet@example.com'/>`), answer ?? subscribed(node))
export const subscribed = (node: string, state = 'subscribed'): string =>
  pubsub(`<subscription node='${node}' jid='juliet@example.com' subscription='${state}'/>`)
export const configure = (node: string, answer = error('auth', 'forbidden')): string =>
  ask('get', owner(`<configure node='${node}'/>`), answer)
export const limited = (node: string, most: string): string =>
  configure(node, owner(`<configure node='${node}'>${form('node_config', { max_items: most }, 'form')}</configure>`))
export const page = (content: string): string => `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`
export const items = (node: string, found: string, more = '', behind = ''): string =>
  ask(
    'get',
    pubsub(`<items node='${node}'/>${page(`<max>50</max>${behind}`)}`),
    found.startsWith('<error') ? found : pubsub(`<items node='${node}'>${found}</items>${more}`),
  )
/** Comes into a node that others have created. */
export const enter = (node: string, found = ''): string => subscribe(node) + configure(node) + items(node, found)
export const enterBoth = (devices = '', mailboxes = ''): string =>
  enter('device_state', devices) + enter('message_waiting', mailboxes)

export const state = (name: string, word: string, eid = TWO, cachable = '1'): string =>
  `<item id='${name}'><state xmlns='http://asterisk.org' eid='${eid}' cachable='${cachable}'>${word}</state></item>`
export const mailbox = (name: string, fresh: number, old: number, eid = TWO): string =>
  `<item id='${name}'><mailbox xmlns='http://asterisk.org' eid='${eid}'><NEWMSGS>${fresh}</NEWMSGS><OLDMSGS>${old}</OLDMSGS></mailbox></item>`
export const publish = (node: string, item: string, answer = ''): string =>
  ask('set', pubsub(`<publish node='${node}'>${item}</publish>`), answer)
export const publishDevice = (name: string, word: string, answer = ''): string =>
  publish('device_state', state(name, word, OWN), answer)
export const retract = (node: string, id: string): string =>
  ask('set', pubsub(`<retract node='${node}' notify='true'><item id='${id}'/></retract>`))
export const shared = { access_model: 'whitelist', deliver_payloads: '1', max_items: 'max', persist_items: '1' }
const { max_items: _, ...withoutMax } = shared
export const sharedOfOld = withoutMax
export const create = (node: string, config: Record<string, string>, answer = ''): string =>
  ask('set', pubsub(`<create node='${node}'/><configure>${form('node_config', config)}</configure>`), answer)
export const owners = (node: string, answer = ''): string =>
  ask(
    'set',
    owner(`<affiliations node='${node}'><affiliation jid='romeo@example.net' affiliation='owner'/></affiliations>`),
    answer,
  )
export const event = (content: string, from = `from='${SERVICE}'`): string =>
  `S: <message ${from}><event xmlns='http://jabber.org/protocol/pubsub#event'>${content}</event></message>\n`
export const told = (node: string, content: string): string => event(`<items node='${node}'>${content}</items>`)
/** Several requests before the first answer. */
export const together = (...exchanges: string[]): string =>
  `${['C', 'S']
    .map(side =>
      exchanges
        .map(text =>
          text
            .split('\n')
            .filter(line => line.startsWith(side))
            .join('\n'),
        )
        .join('\n'),
    )
    .join('\n')}\n`
/** Whatever was said before has been taken when this is answered; and nothing else was. */
export const rest = `S: <iq type='get' id='rest' from='example.com'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='rest' to='example.com'/>
`
export const notFound = error('cancel', 'item-not-found')
export const goodbye = `C: <presence type='unavailable'/>\nC: </stream:stream>\nS: </stream:stream>\n`

// ── the stage ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface SetUp {
  readonly lines?: string
  /** Of [general]. */
  readonly general?: { readonly collection_nodes?: boolean; readonly pubsub_autocreate?: boolean }
  readonly expire?: number
  readonly farewell?: Sharing['farewell']
}

/** An account with distribute_events that has not been started, and what is on its bus. */
export async function setUp(t: Test, { lines = '', general = {}, expire = 0, farewell }: SetUp = {}) {
  const listening = await script(t)
  const clock = new HandClock()
  const bus = new StateBus({ eid: OWN, clock, expire })
  t.teardown(() => bus.stop())
  const text = `keepalive=no\nautoregister=no\ndistribute_events=yes\npubsub_node=${SERVICE}\n${lines}`
  const config = { ...clientConfig(listening.port, text), ...general }
  const all = watched(t, config, { clock, random: () => 0, sharing: { bus, farewell } })
  // That of PLAIN in clear is about the login.
  const warnings = (): string[] =>
    all.events.flatMap(event =>
      event.type === 'warning' && !event.text.includes('was sent in clear') ? event.text : [],
    )
  const skipped = (): string[] =>
    all.events.flatMap(event =>
      event.type === 'skipped' ? `${event.node} ${event.item?.slice(0, 20)}: ${event.reason}` : [],
    )
  const accept = async () => {
    const connection = await listening.accept()
    // Now and then it asks whether it is still subscribed; see checkup.test.ts.
    connection.peer.onAside = ({ attrs: { id }, children: [payload] }) => {
      const asked = typeof payload === 'object' && payload.name === 'pubsub' ? payload.children[0] : undefined
      if (typeof asked !== 'object' || asked.name !== 'subscriptions') return undefined
      return `<iq type='error' id='${id}' from='${SERVICE}'>${error('cancel', 'service-unavailable')}</iq>`
    }
    return connection
  }
  return { ...listening, accept, ...all, ...seeing(bus, all), bus, clock, config, warnings, skipped }
}

/** The same, in both nodes already. */
export async function connected(t: Test, options: SetUp = {}, devices = '', mailboxes = '', more = '') {
  const all = await setUp(t, options)
  all.account.start()
  const connection = await all.accept()
  await connection.play(login() + enterBoth(devices, mailboxes) + more)
  return { ...all, ...connection }
}

export const buddy = { lines: 'buddy=romeo@example.net' }
