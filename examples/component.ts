/**
 * A component with several bots: `time@` tells the time (XEP-0202), `echo@` says everything again, and nobody else is there.
 *
 *   DOMAIN=bots.example.org SECRET=… HOST=127.0.0.1 node --import tsx examples/component.ts
 */
import { at, createComponent, describe, el, nobody, on, onEvery, type Xep } from 'res-xmpp'

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
/** Who was spoken to answers. */
const again = onEvery('message', ({ attrs: { type, from: to, to: from }, children }, session) => {
  if (type !== 'error') session.send(session.stanza('message', { type, to, from }, ...children))
})

const { DOMAIN = '', SECRET = '', HOST = '127.0.0.1', PORT = '5347' } = process.env
if (DOMAIN === '' || SECRET === '') {
  console.error('DOMAIN and SECRET have to say which component of the server this is, and what it shares with it')
  process.exit(2)
}
const addresses = [
  at(`time@${DOMAIN}`, { xeps: [time], identity: { category: 'client', type: 'bot', name: 'Clock' } }),
  at(`echo@${DOMAIN}`, [{ name: 'echo', routes: [again] }]),
  at(`*@${DOMAIN}`, nobody),
]
const component = createComponent({ domain: DOMAIN, secret: SECRET, host: HOST, port: Number(PORT), addresses })
component.on('online', ({ session }) => console.log(`attached as ${session.jid}`))
component.on('offline', ({ error }) => console.log(`detached: ${describe(error)}`))
component.start()
process.once('SIGINT', () => component.stop())
