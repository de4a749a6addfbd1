/**
 * A component that tells the time (XEP-0202) at every address of its domain.
 *
 *   DOMAIN=clock.example.org SECRET=… HOST=127.0.0.1 node --import tsx examples/component.ts
 */
import { type Attempted, connectComponent, describe, el, on, stayConnected, type Xep } from 'res-xmpp'

const NS_TIME = 'urn:xmpp:time'

/** An extension is a value: what disco shall say of it, and what it answers. */
const time: Xep = {
  name: 'XEP-0202',
  features: [NS_TIME],
  routes: [
    on('iq-get', NS_TIME, 'time', () => {
      const utc = new Date().toISOString()
      return el('time', NS_TIME, {}, el('tzo', NS_TIME, {}, '+00:00'), el('utc', NS_TIME, {}, utc))
    }),
  ],
}

const { DOMAIN = '', SECRET = '', HOST = '127.0.0.1', PORT = '5347' } = process.env
if (DOMAIN === '' || SECRET === '') {
  console.error('DOMAIN and SECRET have to say which component of the server this is, and what it shares with it')
  process.exit(2)
}
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const connect = ({ signal }: Attempted) =>
  connectComponent({ domain: DOMAIN, secret: SECRET, host: HOST, port: Number(PORT), xeps: [time], signal })

for await (const link of stayConnected(connect, { signal: stop.signal })) {
  if (link.type === 'online') console.log(`attached as ${link.session.jid}`)
  else console.log(`detached: ${describe(link.error)}; again in ${Math.ceil(link.retryIn / 1000)} s`)
}
