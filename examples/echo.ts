/**
 * Answers every chat message with its own words.
 *
 *   JID=bot@example.org PASSWORD=… node --import tsx examples/echo.ts
 *
 * HOST and PORT dial something else than the JID's domain; CA names a PEM file with the certificates to trust.
 */
import { readFileSync } from 'node:fs'
import { availablePresence, createClient, describe } from 'res-xmpp'

const { JID = '', PASSWORD = '', HOST, PORT, CA } = process.env
const client = createClient({
  jid: JID,
  password: PASSWORD,
  host: HOST,
  port: PORT === undefined ? undefined : Number(PORT),
  ca: CA === undefined ? undefined : readFileSync(CA, 'utf8'),
})

client.on('online', ({ session }) => {
  session.send(availablePresence(session))
  console.log(`online as ${session.jid}`)
})
client.on('offline', ({ error, retryIn }) => {
  console.log(`offline: ${describe(error)}; again in ${Math.ceil(retryIn / 1000)} s`)
})
client.on('message', ({ stanza, session }) => {
  const body = stanza.childText('body')
  if (stanza.attrs.type !== 'chat' || body === undefined) return
  const { from: to } = stanza.attrs
  session.send(session.stanza('message', { to, type: 'chat' }, session.stanza('body', {}, body)))
})

client.start()
process.once('SIGINT', () => client.stop())
