/** Our PubSub service by clients that share no code with it. */
import t from 'tap'
import { servers, skip } from './servers/servers.ts'
import { gajim } from './service/gajim.ts'
import { tour } from './service/tour.ts'

t.setTimeout(120_000)

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    for (const library of ['slixmpp', 'aioxmpp'] as const) t.test(library, t => tour(t, server, library))
    t.test('nbxmpp', t => gajim(t, server))
  })
}
