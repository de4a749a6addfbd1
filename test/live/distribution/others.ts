import type { Test } from 'tap'
import { giveTo } from '../../../src/account/distribution/nodes.ts'
import type { Session } from '../../../src/session.ts'
import { type Element, el } from '../../../src/stream/element.ts'
import { createNode } from '../../../src/xep/0060-nodes.ts'
import { clientSection } from '../daemon.ts'
import {
  autocreate,
  EID_1,
  EID_2,
  EID_3,
  hurried,
  owned,
  owner,
  Pbx,
  type PubsubServer,
  sharing,
  stateItem,
  tell,
  threeUsers,
} from '../pbx.ts'
import { newUser } from '../users.ts'

const NS = 'http://asterisk.org'

/** Somebody else has a node for each device, as res_xmpp makes them where collections are not, and tells nobody of a new one. */
export async function leaves(t: Test, server: PubsubServer): Promise<void> {
  const other = await owner(t, server)
  const { pubsub } = server
  const user = await newUser(t, server, 'two')
  const make = async (node: string, id: string, state: string): Promise<void> => {
    await createAsPbx(other, pubsub, node)
    await giveTo(other, pubsub, node, [user.jid])
    await tell(other, server, node, stateItem(id, EID_1, state))
  }
  await make('Custom:before', 'Custom:before', 'INUSE')
  // Nothing of ours, although it is called so.
  await createAsPbx(other, pubsub, 'Custom:empty')
  for (const root of ['device_state', 'message_waiting']) {
    await createAsPbx(other, pubsub, root)
    await giveTo(other, pubsub, root, [user.jid])
  }
  const text = clientSection('pbx', user, sharing(server, []))
  const pbx = new Pbx(t, server, EID_2, `[general]\ncollection_nodes=yes\n${text}`, { clock: hurried })
  await pbx.device('Custom:before', 'INUSE')
  await make('Custom:after', 'Custom:after', 'RINGING')
  t.equal(pbx.bus.device('Custom:after'), undefined, 'nobody tells of it')
  await pbx.device('Custom:after', 'RINGING')
  for (const name of ['Custom:before', 'Custom:after']) {
    await tell(other, server, name, stateItem(name, EID_1, 'ONHOLD'))
    await pbx.device(name, 'ONHOLD')
  }
  pbx.bus.setDevice('Custom:after', 'RINGING')
  await pbx.device('Custom:after', 'RINGINUSE')
  t.equal(pbx.warnings.length, 1, pbx.warnings.join('\n'))
  t.strictSame(pbx.skipped, [])
}

/** Nothing that an owner publishes does more than a line of the log, and what makes sense still arrives. */
export async function hostile(t: Test, server: PubsubServer): Promise<void> {
  const other = await owner(t, server)
  const users = await threeUsers(t, server)
  const start = (index: 0 | 1 | 2, eid: string): Pbx => {
    const others = users.filter(user => user !== users[index])
    return new Pbx(t, server, eid, autocreate + clientSection('pbx', users[index], sharing(server, others)))
  }
  const first = start(0, EID_1)
  first.bus.setDevice('Custom:first', 'INUSE')
  first.bus.setMailbox('6001@default', { new: 1, old: 0 })
  await owned(other, server, users)
  const second = start(1, EID_2)
  await second.device('Custom:first', 'INUSE')
  await second.mailbox('6001@default', { new: 1, old: 0 })
  const pbxes = [first, second]

  for (const [index, [node, id, payload, reason]] of senseless.entries()) {
    await tell(other, server, node, { id, payload })
    await tell(other, server, 'device_state', stateItem(`Custom:good${index}`, EID_3, 'BUSY'))
    for (const pbx of pbxes) {
      await pbx.device(`Custom:good${index}`, 'BUSY')
      t.strictSame(
        pbx.skipped
          .splice(0)
          .map(event => [event.node, event.item, event.reason.replace(/ \(published by \S+\)$/, '')]),
        [[node, cut(id), reason]],
      )
    }
  }
  const third = start(2, EID_3.replace(/3$/, '4'))
  await third.mailbox('6001@default', { new: 1, old: 0 })
  const good = second.bus.devices().map(({ device }) => device)
  t.strictSame(
    third.bus.devices().map(({ device }) => device),
    good,
    'one that comes late knows what makes sense',
  )
  // ejabberd sends the last item to whoever subscribes, who reads it with all the others too.
  const names = new Set(third.skipped.map(({ item }) => item))
  t.strictSame([...names].sort(), senseless.map(([, id]) => cut(id)).sort(), 'and says what does not')
  second.bus.setDevice('Custom:first', 'RINGING')
  await first.device('Custom:first', 'RINGINUSE')
  for (const { warnings, lost } of [...pbxes, third]) t.strictSame([...warnings, ...lost], [])
}

/** No name is longer than 256 characters. */
const cut = (id: string): string => id.slice(0, 257)

const state = (attrs: Record<string, string>, ...content: string[]): Element => el('state', NS, attrs, ...content)
const mailbox = (...children: Element[]): Element => el('mailbox', NS, { eid: EID_3 }, ...children)
const count = (name: string, text: string): Element => el(name, NS, {}, text)

/** What is published where, and why it is left out. */
const senseless: readonly (readonly [node: string, id: string, payload: Element, reason: string])[] = [
  ['device_state', 'Custom:1', state({}, 'INUSE'), 'it does not say whose it is (no eid)'],
  ['device_state', 'Custom:2', state({ eid: 'me' }, 'INUSE'), 'its eid is "me", which is none'],
  ['device_state', 'Custom:3', state({ eid: EID_3 }), 'it has no state'],
  [
    'device_state',
    'Custom:4',
    state({ eid: EID_3 }, 'DANCING'),
    'its state is "DANCING", which Asterisk does not know',
  ],
  [
    'device_state',
    'Custom:5',
    state({ eid: EID_3 }, 'A'.repeat(100_000)),
    `its state is "${'A'.repeat(60)}…", which Asterisk does not know`,
  ],
  [
    'device_state',
    'Custom:6',
    el('entry', 'http://www.w3.org/2005/Atom'),
    'its payload is <entry/>, neither a state nor a mailbox of a PBX',
  ],
  [
    'device_state',
    'x'.repeat(1000),
    state({ eid: EID_3 }, 'INUSE'),
    `"${'x'.repeat(60)}…" is no name of a device or mailbox`,
  ],
  [
    'device_state',
    '6002@default',
    mailbox(count('NEWMSGS', '1'), count('OLDMSGS', '1')),
    'it is of a mailbox, which is shared elsewhere',
  ],
  ['message_waiting', '6003@default', mailbox(), 'its numbers of messages are missing, or none'],
  [
    'message_waiting',
    '6004@default',
    mailbox(count('NEWMSGS', '-1'), count('OLDMSGS', 'many')),
    'its numbers of messages are missing, or none',
  ],
]

/** A node as a PBX creates it, in no collection. */
async function createAsPbx(session: Session, service: string, node: string): Promise<void> {
  await createNode(session, service, node, {
    config: { deliver_payloads: true, persist_items: true, access_model: 'whitelist' },
  })
}
