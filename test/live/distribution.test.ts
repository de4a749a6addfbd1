/**
 * `distribute_events` at the PubSub services of real servers. The nodes of PBXes have the same names for everyone at a service, so that all tests that use them are
 * in this file, one after the other.
 */
import t from 'tap'
import { collections, components } from './distribution/accounts.ts'
import { besideAsterisk } from './distribution/asterisk.ts'
import { daemons } from './distribution/daemons.ts'
import { flapping } from './distribution/flapping.ts'
import { hostile, leaves } from './distribution/others.ts'
import { pubsubServers } from './pbx.ts'
import { skip } from './servers/servers.ts'

t.setTimeout(300_000)

for (const server of pubsubServers) {
  t.test(server.name, { skip }, async t => {
    t.test('daemons', t => daemons(t, server))
    t.test('a component and a client', t => components(t, server))
    t.test('collection_nodes=yes', t => collections(t, server))
    t.test('leaves of others', t => leaves(t, server))
    t.test('items that make no sense', t => hostile(t, server))
    t.test('many devices and a link that breaks', t => flapping(t, server))
    // On ejabberd it dies of the first thing that is refused.
    if (server.name === 'prosody') t.test('beside a real Asterisk', t => besideAsterisk(t, server))
  })
}
