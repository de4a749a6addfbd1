import t from 'tap'
import { el } from '../../src/stream/element.ts'
import { type DiscoForm, type DiscoInfo, discoInfo, discoItems, infoOf } from '../../src/xep/0030-disco.ts'
import { CapsCache } from '../../src/xep/0115-cache.ts'
import { type Announced, caps, capsOf, isVerified, readCaps, verificationString } from '../../src/xep/0115-caps.ts'
import { clientIdentity, componentIdentity, standardXeps } from '../../src/xep/index.ts'
import { availablePresence } from '../../src/xep/presence.ts'
import { quiet } from '../helper/clock.ts'
import { settled } from '../helper/pair.ts'
import { NS_CLIENT, openSession } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const NS_INFO = 'http://jabber.org/protocol/disco#info'
const muc = 'http://jabber.org/protocol/muc'

/** §5.2. */
const exodus: DiscoInfo = {
  identities: [{ category: 'client', type: 'pc', name: 'Exodus 0.9.1', lang: '' }],
  features: [muc, 'http://jabber.org/protocol/disco#items', NS_INFO, 'http://jabber.org/protocol/caps'],
  forms: [],
}
const exodusVer = 'QgayPKawpkPSDYmwT/WM94uAlu0='

const software: DiscoForm = {
  types: ['urn:xmpp:dataforms:softwareinfo'],
  fields: [
    { name: 'os_version', values: ['10.5.1'] },
    { name: 'ip_version', values: ['ipv6', 'ipv4'] },
    { name: 'software_version', values: ['0.11'] },
    { name: 'software', values: ['Psi'] },
    { name: 'os', values: ['Mac'] },
  ],
}

/** §5.3. */
const psi: DiscoInfo = {
  identities: [
    { category: 'client', type: 'pc', name: 'Ψ 0.11', lang: 'el' },
    { category: 'client', type: 'pc', name: 'Psi 0.11', lang: 'en' },
  ],
  features: exodus.features,
  forms: [software],
}

const announced = (ver: string, hash: string | undefined = 'sha-1'): Announced => ({
  node: 'http://x.example',
  ver,
  hash,
})

t.test('XEP-0115 §5.2 and §5.3, its own examples', async t => {
  t.equal(
    verificationString(exodus),
    `client/pc//Exodus 0.9.1<http://jabber.org/protocol/caps<${NS_INFO}<http://jabber.org/protocol/disco#items<${muc}<`,
  )
  t.ok(isVerified(exodus, announced(exodusVer)))
  t.ok(isVerified(psi, announced('q07IKJEyjvHSyhy//CH0CxmKi8w=')))
  t.notOk(isVerified(exodus, announced('q07IKJEyjvHSyhy//CH0CxmKi8w=')))
})

t.test('other hashes, and those that prove nothing', async t => {
  const { createHash } = await import('node:crypto')
  const text = verificationString(exodus) as string
  for (const [name, algorithm] of [
    ['sha-256', 'sha256'],
    ['sha-512', 'sha512'],
    ['sha3-256', 'sha3-256'],
  ] as const) {
    const ver = createHash(algorithm).update(text).digest('base64')
    t.ok(isVerified(exodus, announced(ver, name)), name)
    t.notOk(isVerified(exodus, announced(ver, 'sha-1')))
  }
  for (const [name, algorithm] of [
    ['md5', 'md5'],
    ['sha1', 'sha1'],
    ['toString', 'sha1'],
  ] as const) {
    t.notOk(isVerified(exodus, announced(createHash(algorithm).update(text).digest('base64'), name)), name)
  }
  t.notOk(isVerified(exodus, { ...announced(exodusVer), hash: undefined }), 'the format before 1.4')
})

t.test('§5.4: what is ill-formed', async t => {
  const [identity] = exodus.identities
  const form = (types: DiscoForm['types']): DiscoForm => ({ types, fields: [] })
  for (const [why, info] of Object.entries({
    'an identity twice': { ...exodus, identities: [identity, identity] },
    'a feature twice': { ...exodus, features: [...exodus.features, muc] },
    'a form twice': { ...psi, forms: [software, { ...software, fields: [] }] },
    'two types of one form': { ...exodus, forms: [form(['a', 'b'])] },
    'a type without value': { ...exodus, forms: [form([])] },
    'the separator in a name': { ...exodus, identities: [{ ...identity, name: `Exodus 0.9.1<${muc}` }] },
    'the separator in a feature': { ...exodus, features: [`a<b`] },
    'the separator in a value': { ...exodus, forms: [{ types: ['a'], fields: [{ name: 'b', values: ['c<d'] }] }] },
  })) {
    t.equal(verificationString(info as DiscoInfo), undefined, why)
  }
  // Which would be the same string, and so the same hash.
  t.notOk(
    isVerified(
      { ...exodus, identities: [], features: ['client/pc//Exodus 0.9.1', ...exodus.features.slice(0, 3)] },
      announced(exodusVer),
    ),
  )
  t.equal(
    verificationString({ ...exodus, identities: [{ ...identity, lang: 'en' }, identity] as never }) === undefined,
    false,
    'another language',
  )
  t.equal(
    verificationString({ ...exodus, forms: [form(['a', 'a'])] }),
    `${verificationString(exodus)}a<`,
    'the same value twice is one',
  )
  t.equal(
    verificationString({ ...exodus, forms: [form(undefined)] }),
    verificationString(exodus),
    'a form of no type is left out',
  )
})

t.test('the order is that of octets in UTF-8, field by field', async t => {
  const of = (features: string[]): string | undefined => verificationString({ identities: [], features, forms: [] })
  t.equal(of(['\u{1f600}', '\uff00', 'b', 'a']), 'a<b<\uff00<\u{1f600}<', 'in UTF-16 it would be the other way round')
  const identities = ['client-x', 'client'].map(category => ({ category, type: 'pc', name: '', lang: '' }))
  t.equal(
    verificationString({ identities, features: [], forms: [] }),
    'client/pc//<client-x/pc//<',
    'a category before a longer one',
  )
})

t.test('what we announce is what we say when asked, as a stranger computes it', async t => {
  const mine = { name: 'mine', features: ['urn:mine'] }
  for (const [identity, component] of [
    [clientIdentity, false],
    [componentIdentity, true],
  ] as const) {
    const xeps = [...standardXeps(identity), mine]
    const { session, far, peer } = await openSession({ xeps, component })
    const presence = availablePresence(session)
    const found = readCaps(presence) as Announced
    t.match(found, { node: /^http/, hash: 'sha-1' })
    const other = await openSession()
    const asked = discoInfo(other.session, 'us@example.com/r', { node: `${found.node}#${found.ver}` })
    const [question] = await Promise.all([other.peer.next()])
    const { id, payload } = {
      id: (question as never as { node: { attrs: { id: string } } }).node.attrs.id,
      payload: `<query xmlns='${NS_INFO}' node='${found.node}#${found.ver}'/>`,
    }
    const to = component ? 'pbx.example.com' : 'juliet@example.com/balcony'
    peer.write(`<iq type='get' id='q' from='a@b/c' to='${to}'>${payload}</iq>`)
    const answer = await peer.next()
    const { node } = answer as never as { node: { children: unknown[] } }
    t.ok(node)
    far.pause()
    other.peer.write(`<iq type='result' id='${id}' from='us@example.com/r'>${raw(peer.chunks)}</iq>`)
    const info = await asked
    t.same(info, infoOf(xeps))
    t.ok(isVerified(info, found), 'verified')
  }
})

/** The last query that went over the wire, as it stood there. */
function raw(chunks: readonly Uint8Array[]): string {
  const text = Buffer.concat(chunks).toString()
  return text.slice(text.lastIndexOf('<query'), text.lastIndexOf('</iq>'))
}

t.test('§6.2: the node of our capabilities is answered, with its name, and no other', async t => {
  const xeps = [...standardXeps(clientIdentity)]
  const { far, peer } = await openSession({ xeps })
  const { node, ver } = capsOf(xeps)[0]?.attrs ?? {}
  await playText(
    far,
    `
S: <iq type='get' id='1' from='a@b/c'><query xmlns='${NS_INFO}' node='${node}#${ver}'/></iq>
C: <iq type='result' id='1' to='a@b/c'><query xmlns='${NS_INFO}' node='${node}#${ver}'>
  <identity category='client' type='pc' name='res-xmpp'/>
  <feature var='http://jabber.org/protocol/caps'/>
  <feature var='${NS_INFO}'/>
  <feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='jabber:iq:version'/>
  <feature var='urn:xmpp:ping'/>
  </query></iq>
S: <iq type='get' id='2' from='a@b/c'><query xmlns='${NS_INFO}' node='${node}#x'/></iq>
C: <iq type='error' id='2' to='a@b/c'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    'caps',
    { peer },
  )
  t.same(capsOf([]), [], 'nothing is announced that is not answered')
})

t.test('<c/> as it is read', async t => {
  const read = (attrs: Record<string, string>) =>
    readCaps(el('presence', NS_CLIENT, {}, el('c', 'http://jabber.org/protocol/caps', attrs)))
  t.strictSame(read({ node: 'n', ver: 'v', hash: 'sha-1', ext: 'x' }), { node: 'n', ver: 'v', hash: 'sha-1' })
  t.strictSame(read({}), { node: '', ver: '', hash: undefined })
  t.equal(read({ node: 'x'.repeat(1001) }), undefined)
  t.equal(readCaps(el('presence', NS_CLIENT)), undefined)
  t.ok(caps.features?.includes('http://jabber.org/protocol/caps'))
})

t.test('items', async t => {
  const { session, far, peer } = await openSession()
  const [items] = await Promise.all([
    discoItems(session, 'example.com', { node: 'n' }),
    playText(
      far,
      `
C: <iq type='get' id='{id}' to='example.com'><query xmlns='http://jabber.org/protocol/disco#items' node='n'/></iq>
S: <iq type='result' id='{id}' from='example.com'><query xmlns='http://jabber.org/protocol/disco#items'>
  <item jid='Conference.example.com' name='Rooms'/><item jid='@' name='odd'/><item node='x'/><item jid='p.example.com' node='x'/><other jid='a.b'/></query></iq>`,
      'items',
      { peer },
    ),
  ])
  t.strictSame(items, [
    { jid: 'conference.example.com', node: undefined, name: 'Rooms' },
    { jid: 'p.example.com', node: 'x', name: undefined },
  ])
})

// ── looking up ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const query = (info: DiscoInfo): string =>
  `<query xmlns='${NS_INFO}'>${info.identities.map(({ category, type, name }) => `<identity category='${category}' type='${type}' name='${name}'/>`).join('')}${info.features.map(feature => `<feature var='${feature}'/>`).join('')}</query>`

/** A session whose questions a test answers. */
async function asking() {
  const opened = await openSession()
  const asked: { to: string; id: string; node: string }[] = []
  const look = async (): Promise<void> => {
    await settled()
    const text = Buffer.concat(opened.peer.chunks).toString()
    asked.length = 0
    for (const [, attrs = '', node = ''] of text.matchAll(/<iq ([^>]*)><query [^>]*node='([^']*)'/g)) {
      asked.push({ to: /to='([^']*)'/.exec(attrs)?.[1] ?? '', id: /id='([^']*)'/.exec(attrs)?.[1] ?? '', node })
    }
  }
  const answer = async (at: number, content: string, from = asked[at]?.to, type = 'result'): Promise<void> => {
    opened.peer.write(`<iq type='${type}' id='${asked[at]?.id}' from='${from}'>${content}</iq>`)
    await look()
  }
  return { ...opened, asked, look, answer }
}

t.test('one lookup a hash, over all accounts; then it is known', async t => {
  const [one, two] = await Promise.all([asking(), asking()])
  const cache = new CapsCache()
  const found = [
    ...Array.from({ length: 500 }, (_, at) => cache.find(one.session, `a@x/${at}`, announced(exodusVer))),
    ...Array.from({ length: 500 }, (_, at) => cache.find(two.session, `b@x/${at}`, announced(exodusVer))),
  ]
  await Promise.all([one.look(), two.look()])
  t.match([one.asked, two.asked], [[{ to: 'a@x/0', node: `http://x.example#${exodusVer}` }], { length: 0 }])
  await one.answer(0, query(exodus))
  const results = await Promise.all(found)
  t.ok(results.every(result => result?.verified && result.info.features.includes(muc)))
  t.equal(cache.size, 1)
  t.strictSame((await cache.find(two.session, 'c@x/1', announced(exodusVer)))?.verified, true)
  await Promise.all([one.look(), two.look()])
  t.equal(one.asked.length + two.asked.length, 1)
  t.ok(await quiet(one.clock), 'no timer is left')
})

t.test('what is not what was announced holds for whoever said it, and for nobody else', async t => {
  const { session, look, asked, answer, clock } = await asking()
  const cache = new CapsCache()
  const evil = cache.find(session, 'evil@x/1', announced(exodusVer))
  const good = cache.find(session, 'good@x/1', announced(exodusVer))
  await look()
  t.strictSame(
    asked.map(({ to }) => to),
    ['evil@x/1'],
  )
  await answer(0, query({ ...exodus, features: ['urn:evil'] }), 'good@x/1')
  t.equal(asked.length, 1, 'an answer from elsewhere is none')
  await answer(0, query({ ...exodus, features: ['urn:evil'] }))
  t.match(await evil, { verified: false, info: { features: ['urn:evil'] } })
  t.equal(cache.size, 0)
  t.strictSame(
    asked.map(({ to }) => to),
    ['evil@x/1', 'good@x/1'],
    'the next one is asked',
  )
  await answer(1, query(exodus))
  t.match(await good, { verified: true })
  t.equal(cache.get(announced(exodusVer))?.features.length, 4)
  t.equal(cache.get(announced(exodusVer, 'sha-256')), undefined, 'by the algorithm too')
  t.ok(await quiet(clock))
})

t.test('a silent peer holds up nobody', async t => {
  const { session, look, asked, answer, clock } = await asking()
  const cache = new CapsCache()
  const silent = cache.find(session, 'silent@x/1', announced(exodusVer))
  const second = cache.find(session, 'second@x/1', announced(exodusVer))
  const other = cache.find(session, 'other@x/1', announced('q07IKJEyjvHSyhy//CH0CxmKi8w='))
  await look()
  t.strictSame(
    asked.map(({ to }) => to),
    ['silent@x/1', 'other@x/1'],
    'another hash is looked up at once',
  )
  await answer(
    1,
    "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    undefined,
    'error',
  )
  t.equal(await other, undefined)
  await clock.advance(3000)
  await look()
  t.strictSame(
    asked.map(({ to }) => to),
    ['silent@x/1', 'other@x/1', 'second@x/1'],
  )
  await answer(2, query(exodus))
  t.match(await second, { verified: true })
  t.match(await silent, { verified: true }, 'what the other one has said holds for it too')
  // It comes after all, when nobody needs it any more.
  await answer(0, query(exodus))
  await clock.advance(60_000)
  t.ok(await quiet(clock))
  const late = cache.find(session, 'late@x/1', announced('x'))
  await look()
  t.equal(asked.length, 4)
  await clock.advance(60_000)
  t.equal(await late, undefined)
  const again = cache.find(session, 'again@x/1', announced('x'))
  await look()
  t.equal(asked.length, 5, 'a lookup that has failed can begin anew')
  await clock.advance(60_000)
  t.equal(await again, undefined)
})

t.test('without a hash that can be checked each is asked for itself', async t => {
  const { session, look, asked, answer } = await asking()
  const cache = new CapsCache()
  const found = ['a@x/1', 'b@x/1'].map(jid => cache.find(session, jid, { ...announced('0.9.1'), hash: undefined }))
  await look()
  t.strictSame(
    asked.map(({ to }) => to),
    ['a@x/1', 'b@x/1'],
  )
  await answer(0, query({ ...exodus, features: ['urn:a'] }))
  await answer(1, query({ ...exodus, features: ['urn:b'] }))
  t.match(await Promise.all(found), [
    { verified: false, info: { features: ['urn:a'] } },
    { info: { features: ['urn:b'] } },
  ])
  t.equal(cache.size, 0)
})

t.test('bounds: what is kept, who waits, how many are asked at one time, and how much one may say', async t => {
  const { session, look, asked, answer, clock } = await asking()
  const cache = new CapsCache({ entries: 2, waiting: 30, bytes: 1000 })
  const found = Array.from({ length: 40 }, (_, at) => cache.find(session, `a@x/${at}`, announced(`v${at}`)))
  t.equal(await found[35], undefined, 'one too many')
  await look()
  t.equal(asked.length, 10)
  await clock.advance(3000)
  await look()
  t.equal(asked.length, 20, 'who does not answer keeps its place for a while only')
  await clock.advance(120_000)
  await Promise.all(found)

  const { createHash } = await import('node:crypto')
  for (const name of ['one', 'two', 'three']) {
    const info = { ...exodus, features: [name] }
    const ver = createHash('sha1')
      .update(verificationString(info) as string)
      .digest('base64')
    const at = asked.length
    const result = cache.find(session, `${name}@x/1`, announced(ver))
    await look()
    const place = asked.findIndex(({ to }) => to === `${name}@x/1`)
    t.ok(place >= at)
    await answer(place, query(info))
    t.match(await result, { verified: true })
  }
  t.equal(cache.size, 2)
  const large = cache.find(session, 'large@x/1', announced('v'))
  await look()
  await answer(
    asked.length - 1,
    query({ ...exodus, features: Array.from({ length: 100 }, (_, at) => `urn:${at}:long`) }),
  )
  t.equal(await large, undefined)
})

t.test('a session that ends lets go of all who wait', async t => {
  const { session, look, peer } = await asking()
  const cache = new CapsCache()
  const found = Array.from({ length: 30 }, (_, at) => cache.find(session, `a@x/${at}`, announced(`v${at}`)))
  await look()
  peer.write('</stream:stream>')
  t.ok((await Promise.all(found)).every(result => result === undefined))
  t.equal(await cache.find(session, 'b@x/1', announced('w')), undefined)
})
