/** A real res_xmpp that keeps its states at our PubSub service. */
import t from 'tap'
import { servers, skip } from './servers/servers.ts'
import { beside, refused, together } from './service/exchanges.ts'

t.setTimeout(120_000)

for (const server of servers.filter(({ name }) => name !== 'jabberd2')) {
  t.test(server.name, { skip }, async t => {
    t.test('two of them in collections', t => together(t, server))
    t.test('collection_nodes and pubsub_autocreate, beside ours', t =>
      beside(t, server, { collection_nodes: 'yes', pubsub_autocreate: 'yes' }),
    )
    t.test('pubsub_autocreate, beside ours', t =>
      beside(t, server, { collection_nodes: 'no', pubsub_autocreate: 'yes' }),
    )
    t.test('one that may not create', t => refused(t, server))
  })
}
