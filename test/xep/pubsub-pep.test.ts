/** XEP-0163: personal eventing. */
import t from 'tap'
import { featuresOf } from '../../src/xep/0030-disco.ts'
import type { PubsubEvent } from '../../src/xep/0060-events.ts'
import { type PepOptions, pep } from '../../src/xep/0163-pep.ts'
import { clientIdentity, standardXeps } from '../../src/xep/index.ts'
import { settled } from '../helper/pair.ts'
import { openSession } from '../helper/session.ts'

const NS_TUNE = 'http://jabber.org/protocol/tune'
const event = (inside: string): string => `<event xmlns='http://jabber.org/protocol/pubsub#event'>${inside}</event>`
const tune = event(`<items node='${NS_TUNE}'><item id='current'><tune xmlns='${NS_TUNE}'/></item></items>`)

/** What the handler of tunes is told by a message. */
async function heard(attrs: string, inside = tune, options?: PepOptions, component = false): Promise<PubsubEvent[]> {
  const events: PubsubEvent[] = []
  const { peer } = await openSession({
    component,
    xeps: [pep({ [NS_TUNE]: event => void events.push(event) }, options)],
  })
  peer.write(`<message ${attrs}>${inside}</message>`)
  await settled()
  return events
}

t.test('§4.2: what is wanted is said', async t => {
  const mine = pep({ [NS_TUNE]: () => {}, 'urn:xmpp:bookmarks:1': () => {} })
  const features = featuresOf([...standardXeps(clientIdentity), mine])
  t.ok(features.includes(`${NS_TUNE}+notify`))
  t.ok(features.includes('urn:xmpp:bookmarks:1+notify'))
})

t.test('§4.3: events of contacts, and of oneself', async t => {
  t.match(await heard("from='romeo@example.net' type='headline'"), [
    { type: 'items', from: 'romeo@example.net', node: NS_TUNE, items: [{ id: 'current', payload: { name: 'tune' } }] },
  ])
  t.match(await heard("from='juliet@example.com' to='juliet@example.com/balcony'"), [{ from: 'juliet@example.com' }])
  t.match(await heard(''), [{ from: 'juliet@example.com' }], 'RFC 6120 §8.1.2.1')
  const gone = event(`<items node='${NS_TUNE}'><retract id='current'/></items><purge node='${NS_TUNE}'/>`)
  t.match(await heard("from='romeo@example.net'", gone), [{ retracted: ['current'] }, { type: 'purge' }])
})

t.test('nodes that nobody listens to', async t => {
  for (const node of ['urn:other', `${NS_TUNE}/x`, 'toString', '__proto__', ''])
    t.strictSame(await heard("from='romeo@example.net'", event(`<items node='${node}'/>`)), [], node)
  t.strictSame(await heard("from='romeo@example.net'", event('<configuration/><collection/>')), [])
  t.strictSame(await heard("from='romeo@example.net'", '<body>hello</body>'), [])
})

t.test('a client cannot say what only an account can', async t => {
  for (const from of [
    'romeo@example.net/orchard',
    'juliet@example.com/balcony',
    'example.net',
    'example.com',
    'a@@b',
    '',
  ])
    t.strictSame(await heard(`from='${from}'`), [], from)
  t.strictSame(await heard("from='romeo@example.net' type='error'"), [])
  t.strictSame(await heard("to='pbx.example.com'", tune, {}, true), [])
})

t.test('whose events are taken', async t => {
  const options = { from: (account: string) => account === 'romeo@example.net' }
  t.equal((await heard("from='ROMEO@example.net'", tune, options)).length, 1)
  t.equal((await heard("from='mallory@example.org'", tune, options)).length, 0)
  t.equal((await heard("from='mallory@example.org'")).length, 1)
})
