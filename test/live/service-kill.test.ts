/** `res-xmpp pubsub --store` killed again and again while it works. */
import t from 'tap'
import { servers, skip } from './servers/servers.ts'
import { killing } from './service/killing.ts'

t.setTimeout(120_000)

for (const [i, server] of servers.entries()) {
  const kills = server.name === 'jabberd2' ? 5 : 15
  t.test(server.name, { skip }, t => killing(t, server, { kills, seed: 4711 + i }))
}
