import type { Test } from 'tap'
import type { LiveServer } from '../servers/servers.ts'
import { newUser } from '../users.ts'
import { attach } from './attach.ts'
import { ServiceClient } from './peer.ts'

/** What Gajim does with nodes, which it creates by publishing: `--auto-create`. Its library can neither subscribe nor affiliate; another one does. */
export async function gajim(t: Test, server: LiveServer): Promise<void> {
  const { jid } = await attach(t, server, server.services.clients, { autoCreate: true })
  const [ours, other] = await Promise.all([
    ServiceClient.start(t, 'nbxmpp', await newUser(t, server, 'gajim'), jid),
    ServiceClient.start(t, 'slixmpp', await newUser(t, server, 'other'), jid),
  ])
  const [node, theirs] = ['gajim & <ä>', 'another']

  await t.test('publishes', async t => {
    const options = { access_model: 'open', max_items: '3' }
    t.equal(
      await ours.ask('publish', { node, id: 'one', text: 'grüße <&>', options }),
      'one',
      'to what it creates by that',
    )
    t.match(await ours.ask('config', { node }), { ...options, node_type: 'leaf', deliver_payloads: true })
    t.match(await ours.ask('info', { node }), { identities: [['pubsub', 'leaf']], meta: { access_model: 'open' } })
    t.match(await ours.ask('nodes'), [[jid, node]])
    await other.ask('subscribe', { node })
    t.match(await other.next('items', { node }), { items: [['one', 'grüße <&>']] }, 'the last one')
    const made = await ours.ask<string>('publish', { node, text: 'two' })
    t.match(await other.next('items', { node }), { items: [[made, 'two']] })
    t.strictSame(await ours.ask('items', { node }), [
      ['one', 'grüße <&>'],
      [made, 'two'],
    ])
    t.strictSame(await ours.ask('items', { node, ids: [made] }), [[made, 'two']])
    t.strictSame(await ours.ask('items', { node, max: 1 }), [[made, 'two']])
    await ours.ask('retract', { node, id: 'one' })
    t.match(await other.next('items', { node }), { retracted: ['one'] })
    await ours.ask('purge', { node })
    await other.next('purge', { node })
  })

  await t.test('takes something for granted', async t => {
    const wish = { node, id: 'x', text: 'x', options: { access_model: 'whitelist' } }
    t.equal(await ours.refusal('publish', wish), 'conflict precondition-not-met')
    t.equal(await ours.refusal('publish', { ...wish, force: true }), 'done', 'and makes it so')
    t.match(await other.next('subscription', { node }), { subscription: 'none' }, 'so that others may not subscribe')
    t.match(await ours.ask('config', { node }), { access_model: 'whitelist' })
    t.equal(await other.refusal('items', { node }), 'not-allowed closed-node')
    await ours.ask('configure', { node, config: { title: 'A title', access_model: 'open' } })
    t.match(await ours.ask('config', { node }), { access_model: 'open', title: 'A title' })
  })

  await t.test('is told', async t => {
    await other.ask('create', { node: theirs })
    await other.ask('enrol', { node: theirs, who: [[ours.user.jid, 'subscribed']] })
    await other.ask('publish', { node: theirs, id: 'one', text: '1' })
    t.match(await ours.next('items', { node: theirs }), { items: [['one', '1']] })
    await other.ask('retract', { node: theirs, id: 'one' })
    t.match(await ours.next('items', { node: theirs }), { retracted: ['one'] })
    await other.ask('purge', { node: theirs })
    await ours.next('purge', { node: theirs })
    await other.ask('delete', { node: theirs })
    await ours.next('delete', { node: theirs })
  })

  await t.test('is refused', async t => {
    await other.ask('create', { node: theirs })
    t.strictSame(
      {
        publish: await ours.refusal('publish', { node: theirs, id: 'x', text: 'x' }),
        config: await ours.refusal('config', { node: theirs }),
        gone: await ours.refusal('retract', { node, id: 'nothing' }),
        missing: await ours.refusal('items', { node: 'nothing' }),
        delete: await ours.refusal('delete', { node: theirs }),
        own: await ours.refusal('delete', { node }),
      },
      {
        publish: 'forbidden',
        config: 'forbidden',
        gone: 'item-not-found',
        missing: 'item-not-found',
        delete: 'forbidden',
        own: 'done',
      },
    )
  })
}
