import t from 'tap'
import { readInfo } from '../../src/xep/0030-disco.ts'
import { CapsCache } from '../../src/xep/0115-cache.ts'
import type { AnnouncedCaps } from '../../src/xep/0115-caps.ts'
import { type Capabilities, CapsLookup, type CapsLookupOptions } from '../../src/xep/0115-lookup.ts'
import { unverified, verificationString } from '../../src/xep/0115-verification.ts'
import { heap } from '../helper/heap.ts'
import { settled } from '../helper/pair.ts'
import type { Node } from '../helper/peer.ts'
import { received } from '../helper/received.ts'
import { openSession, type SessionSetup } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const NS_DISCO = 'http://jabber.org/protocol/disco#info'
const NODE = 'http://psi-im.org'
const KEEP = { timeout: 20_000, patience: 3000 }

/** What a client with one feature more than none says of itself, as XML. */
const says = (feature: string): string => `<identity category='client' type='pc'/><feature var='${feature}'/>`
const info = (feature: string) => ({ identities: [{ category: 'client', type: 'pc' }], features: [feature], forms: [] })
/** What it announces. */
const announces = (feature: string): AnnouncedCaps => ({
  node: NODE,
  ver: verificationString(info(feature)),
  hash: 'sha-1',
})

/** A session whose other side answers when it is told to. */
async function open(caps: CapsLookup, setup?: SessionSetup) {
  const opened = await openSession(setup)
  const { peer, session } = opened
  const found = new Map<string, Capabilities | undefined>()
  return {
    ...opened,
    /** What has been found, by who announced it. */
    found,
    look(jid: string, announced: AnnouncedCaps, options?: CapsLookupOptions): void {
      void caps.lookup(session, jid, announced, options).then(result => found.set(jid, result))
    },
    /** Who has been asked since. */
    async asked(): Promise<Node[]> {
      const nodes: Node[] = []
      for (await settled(); peer.unread !== undefined; ) {
        const got = await peer.next()
        if (got.type !== 'element' || got.node.name !== 'iq') throw new Error(`not asked: ${JSON.stringify(got)}`)
        nodes.push(got.node)
      }
      return nodes
    },
    async answer({ attrs: { id, to } }: Node, content: string, from = to): Promise<void> {
      peer.write(`<iq type='result' id='${id}' from='${from}'><query xmlns='${NS_DISCO}'>${content}</query></iq>`)
      await settled()
    },
    async refuse({ attrs: { id, to } }: Node): Promise<void> {
      const error = `<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
      peer.write(`<iq type='error' id='${id}' from='${to}'>${error}</iq>`)
      await settled()
    },
  }
}

const to = (nodes: readonly Node[]): (string | undefined)[] => nodes.map(({ attrs }) => attrs.to)

t.test('one is asked, under the node it has announced, and all are told', async t => {
  const caps = new CapsLookup()
  const { look, found, far, peer, asked } = await open(caps)
  look('romeo@example.com/a', announces('urn:a'))
  look('nurse@example.com/b', announces('urn:a'))
  const { ver } = announces('urn:a')
  await playText(
    far,
    `
C: <iq type='get' id='{id}' to='romeo@example.com/a'><query xmlns='${NS_DISCO}' node='${NODE}#${ver}'/></iq>
S: <iq type='result' id='{id}' from='romeo@example.com/a'><query xmlns='${NS_DISCO}' node='${NODE}#${ver}'>${says('urn:a')}</query></iq>`,
    'caps',
    { peer },
  )
  const expected = { verified: true, info: info('urn:a') }
  t.strictSame([...found.values()], [expected, expected])
  look('late@example.com/c', announces('urn:a'))
  t.strictSame(await asked(), [], 'what is known is not asked')
  t.strictSame(found.get('late@example.com/c'), expected)
})

t.test('a thousand who announce the same, in two sessions: one question', async t => {
  const caps = new CapsLookup()
  const one = await open(caps)
  const two = await open(caps)
  for (let n = 0; n < 1000; n++) {
    one.look(`user${n}@example.com/r`, announces('urn:a'))
    two.look(`other${n}@example.com/r`, announces('urn:a'))
  }
  const [question, ...more] = await one.asked()
  t.same(more, [])
  await one.answer(question as Node, says('urn:a'))
  t.same([await one.asked(), await two.asked()], [[], []])
  for (const { found } of [one, two]) {
    t.equal(found.size, 1000)
    t.ok([...found.values()].every(result => result?.verified))
  }
  t.equal(one.clock.pending + two.clock.pending, 0, 'no timer is left')
})

t.test('who keeps silent holds up nobody who announces the same', async t => {
  const { look, found, asked, answer, clock } = await open(new CapsLookup())
  look('silent@example.com/a', announces('urn:a'))
  look('silent@example.com/b', announces('urn:a'))
  look('silent@example.com/c', announces('urn:a'))
  look('romeo@example.com/r', announces('urn:a'))
  t.same(to(await asked()), ['silent@example.com/a'])
  await clock.advance(KEEP.patience - 1)
  t.same(await asked(), [])
  await clock.advance(1)
  const [question] = await asked()
  t.equal(question?.attrs.to, 'romeo@example.com/r', 'another account before another resource')
  await answer(question as Node, says('urn:a'))
  t.equal(found.size, 4)
  t.ok(found.get('silent@example.com/c')?.verified)
  await clock.advance(KEEP.timeout)
  t.same(await asked(), [])
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('another resource of an account that keeps silent is asked when that one has had its time', async t => {
  const { look, asked, clock } = await open(new CapsLookup())
  look('silent@example.com/a', announces('urn:a'))
  look('silent@example.com/b', announces('urn:a'))
  t.same(to(await asked()), ['silent@example.com/a'])
  await clock.advance(KEEP.timeout - 1)
  t.same(await asked(), [])
  await clock.advance(1)
  t.same(to(await asked()), ['silent@example.com/b'])
})

t.test('who is in line when the answer comes is not asked any more', async t => {
  const caps = new CapsLookup()
  const one = await open(caps)
  const two = await open(caps)
  for (let n = 0; n < 10; n++) two.look(`user${n}@example.com/r`, announces(`urn:${n}`))
  t.equal((await two.asked()).length, 10, 'there is no more room')
  one.look('romeo@example.com/r', announces('urn:a'))
  two.look('nurse@example.com/r', announces('urn:a'))
  const [question] = await one.asked()
  await one.clock.advance(KEEP.patience)
  await one.answer(question as Node, says('urn:a'))
  t.ok(two.found.get('nurse@example.com/r')?.verified)
  await two.clock.advance(KEEP.patience)
  t.same(await two.asked(), [])
})

t.test('when all keep silent nobody is told anything, and it can be tried again', async t => {
  const { look, found, asked, answer, clock } = await open(new CapsLookup())
  for (let n = 0; n < 8; n++) look(`silent${n}@example.com/r`, announces('urn:a'))
  const seen: number[] = []
  for (let s = 0; s < 60; s++) {
    seen.push((await asked()).length)
    await clock.advance(1000)
  }
  t.equal(Math.max(...seen), 1, 'one at a time')
  t.equal(
    seen.reduce((sum, n) => sum + n, 0),
    8,
  )
  t.same(
    seen.slice(0, 16).flatMap((n, s) => (n > 0 ? [s] : [])),
    [0, 3, 6, 9, 12],
    'five of them at once',
  )
  t.equal(found.size, 8)
  t.ok([...found.values()].every(result => result === undefined))
  look('silent0@example.com/r', announces('urn:a'))
  const [question] = await asked()
  await answer(question as Node, says('urn:a'))
  t.ok(found.get('silent0@example.com/r')?.verified)
  t.equal(clock.pending, 0)
})

t.test('who keeps silent holds up no other hash', async t => {
  const { look, asked, clock } = await open(new CapsLookup())
  for (let n = 0; n < 15; n++) look(`user${n}@example.com/r`, announces(`urn:${n}`))
  t.equal((await asked()).length, 10, 'so many at once')
  await clock.advance(KEEP.patience)
  t.equal((await asked()).length, 5, 'none of the ten has answered, and yet')
})

t.test('one account cannot take all the room there is', async t => {
  const { look, asked, clock, refuse, found } = await open(new CapsLookup())
  for (let n = 0; n < 100; n++) look(`evil@example.com/${n}`, announces(`urn:evil${n}`))
  look('romeo@example.com/r', announces('urn:a'))
  t.same(to(await asked()), ['evil@example.com/0', 'evil@example.com/1', 'romeo@example.com/r'])
  t.equal(found.size, 90, 'after ten hashes in a minute it has to wait')
  await clock.advance(KEEP.patience)
  t.same(to(await asked()), ['evil@example.com/2', 'evil@example.com/3'])
  await clock.advance(60_000)
  for (const question of await asked()) await refuse(question)
  await clock.advance(30_000)
  t.equal(found.size, 101, 'all are told')
  look('evil@example.com/again', announces('urn:evil-again'))
  t.equal((await asked()).length, 1, 'the minute is over')
})

t.test('so many of one account may wait, and so many of all', async t => {
  const { look, found, asked } = await open(new CapsLookup())
  for (let n = 0; n < 30; n++) look(`one@example.com/${n}`, announces('urn:a'))
  await asked()
  t.equal(found.size, 10)
  for (let n = 0; n < 1000; n++) look(`user${n}@example.com/r`, announces('urn:a'))
  await settled()
  t.equal(found.size, 10 + 20)
})

t.test('an answer that does not fit is for that one alone, and another is asked at once', async t => {
  const { look, found, asked, answer, clock } = await open(new CapsLookup())
  look('liar@example.com/r', announces('urn:a'))
  look('romeo@example.com/r', announces('urn:a'))
  const [first] = await asked()
  await answer(first as Node, says('urn:wrong'))
  t.strictSame(found.get('liar@example.com/r'), { verified: false, info: info('urn:wrong') })
  t.notOk(found.has('romeo@example.com/r'), 'who is told nothing of it')
  const [second] = await asked()
  t.equal(second?.attrs.to, 'romeo@example.com/r')
  await answer(second as Node, says('urn:a'))
  t.strictSame(found.get('romeo@example.com/r'), { verified: true, info: info('urn:a') })
  t.equal(clock.pending, 0)
})

t.test('nor is one that is ill-formed for others, though its hash fits', async t => {
  const twice = { ...info('urn:a'), features: ['urn:a', 'urn:a'] }
  const announced = { node: NODE, ver: verificationString(twice), hash: 'sha-1' }
  const caps = new CapsLookup()
  const { look, found, asked, answer } = await open(caps)
  look('odd@example.com/r', announced)
  await answer((await asked())[0] as Node, `${says('urn:a')}<feature var='urn:a'/>`)
  t.strictSame(found.get('odd@example.com/r'), { verified: false, info: info('urn:a') })
  look('romeo@example.com/r', announced)
  t.same(to(await asked()), ['romeo@example.com/r'])
  t.equal(caps.cache.size, 0)
})

t.test('an error is an answer too', async t => {
  const { look, found, asked, refuse, answer } = await open(new CapsLookup())
  look('odd@example.com/r', announces('urn:a'))
  look('romeo@example.com/r', announces('urn:a'))
  await refuse((await asked())[0] as Node)
  t.ok(found.has('odd@example.com/r'))
  t.equal(found.get('odd@example.com/r'), undefined)
  await answer((await asked())[0] as Node, says('urn:a'))
  t.ok(found.get('romeo@example.com/r')?.verified)
})

t.test('an answer from elsewhere is none', async t => {
  const { look, found, asked, answer } = await open(new CapsLookup())
  look('romeo@example.com/r', announces('urn:a'))
  const [question] = (await asked()) as [Node]
  for (const from of ['romeo@example.com/other', 'romeo@example.com', 'evil@example.com/r', 'example.com'])
    await answer(question, says('urn:a'), from)
  t.equal(found.size, 0)
  await answer(question, says('urn:a'), 'ROMEO@example.com/r')
  t.equal(found.size, 1)
})

t.test('what cannot be checked is asked of each one, and kept for nobody else', async t => {
  const caps = new CapsLookup()
  const { look, found, asked, answer } = await open(caps)
  const { ver } = announces('urn:a')
  look('unknown1@example.com/r', { node: NODE, ver, hash: 'md5' })
  look('unknown2@example.com/r', { node: NODE, ver, hash: 'md5' })
  look('legacy1@example.com/r', { node: NODE, ver, hash: undefined })
  look('legacy2@example.com/r', { node: NODE, ver, hash: undefined })
  const questions = await asked()
  t.same(
    questions.map(({ attrs, children: [query] }) => [attrs.to, (query as Node).attrs.node]),
    [
      ['unknown1@example.com/r', `${NODE}#${ver}`],
      ['unknown2@example.com/r', `${NODE}#${ver}`],
      // Under the old node a client says what its version can do, without what has been added to it.
      ['legacy1@example.com/r', undefined],
      ['legacy2@example.com/r', undefined],
    ],
  )
  for (const [at, question] of questions.entries()) await answer(question, says(`urn:${at}`))
  t.same(
    [...found.values()].map(result => [result?.verified, result?.info.features]),
    [0, 1, 2, 3].map(at => [false, [`urn:${at}`]]),
  )
  t.equal(caps.cache.size, 0)
})

t.test('what announces nothing is not looked up', async t => {
  const { look, found, asked } = await open(new CapsLookup())
  look('a@example.com/r', { node: '', ver: 'x', hash: 'sha-1' })
  look('b@example.com/r', { node: NODE, ver: '', hash: 'sha-1' })
  look('not a jid', announces('urn:a'))
  t.same(await asked(), [])
  t.equal(found.size, 3)
})

t.test('the session ends in the middle: another one goes on', async t => {
  const caps = new CapsLookup()
  const one = await open(caps)
  const two = await open(caps)
  one.look('romeo@example.com/r', announces('urn:a'))
  one.look('nurse@example.com/r', announces('urn:a'))
  two.look('friar@example.com/r', announces('urn:a'))
  t.same(to(await one.asked()), ['romeo@example.com/r'])
  one.far.destroy()
  await settled()
  t.same(
    [...one.found],
    [
      ['romeo@example.com/r', undefined],
      ['nurse@example.com/r', undefined],
    ],
  )
  t.equal(one.clock.pending, 0, 'no timer is left')
  const [question] = await two.asked()
  t.equal(question?.attrs.to, 'friar@example.com/r')
  await two.answer(question as Node, says('urn:a'))
  t.ok(two.found.get('friar@example.com/r')?.verified)
  one.look('late@example.com/r', announces('urn:b'))
  await settled()
  t.ok(one.found.has('late@example.com/r'), 'nor is anything asked where nobody can answer')
})

t.test('the session ends, and nobody is left', async t => {
  const { look, found, far, clock } = await open(new CapsLookup())
  for (let n = 0; n < 50; n++) look(`user${n}@example.com/r`, announces(`urn:${n}`))
  for (let n = 50; n < 60; n++) look(`user${n}@example.com/r`, announces('urn:0'))
  await settled()
  far.destroy()
  await settled()
  t.equal(found.size, 60)
  t.equal(clock.pending, 0)
})

t.test('a component asks as who it is told to', async t => {
  const { look, asked } = await open(new CapsLookup(), { component: true })
  look('romeo@example.com/r', announces('urn:a'), { from: 'sales@pbx.example.com' })
  look('nurse@example.com/r', announces('urn:b'))
  t.same(
    (await asked()).map(({ attrs: { from } }) => from),
    ['sales@pbx.example.com', 'pbx.example.com'],
  )
})

// ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const take = (cache: CapsCache, feature: string): boolean => cache.take(announces(feature), info(feature)) !== undefined
const has = (cache: CapsCache, feature: string): boolean => cache.get(announces(feature)) !== undefined

t.test('what was not asked for longest goes first', async t => {
  const cache = new CapsCache({ entries: 3 })
  for (const feature of ['a', 'b', 'c']) t.ok(take(cache, feature))
  t.ok(has(cache, 'a'))
  take(cache, 'd')
  t.same(
    ['a', 'b', 'c', 'd'].map(feature => has(cache, feature)),
    [true, false, true, true],
  )
  take(cache, 'd')
  t.equal(cache.size, 3, 'the same again takes no more room')
})

t.test('what is kept has a bound in bytes too', async t => {
  const cache = new CapsCache({ bytes: 100_000 })
  for (let n = 0; n < 20; n++) t.ok(take(cache, `${n} ${'x'.repeat(10_000)}`))
  t.ok(cache.size >= 3 && cache.size < 6, `${cache.size}`)
  take(cache, 'x'.repeat(60_000))
  t.equal(cache.size, 0, 'what has no room at all is not kept')
  t.ok(take(cache, 'a'))
  t.ok(has(cache, 'a'))
})

t.test('nothing gets in that was not verified, nor for another hash function', async t => {
  const cache = new CapsCache()
  const { node, ver } = announces('a')
  t.notOk(cache.take({ node, ver, hash: 'sha-1' }, info('b')))
  t.notOk(cache.take({ node, ver, hash: 'sha-256' }, info('a')))
  t.notOk(cache.take({ node, ver, hash: undefined }, info('a')))
  t.equal(cache.size, 0)
  t.ok(take(cache, 'a'))
  t.notOk(cache.get({ node, ver, hash: 'sha-256' }))
  t.notOk(cache.get({ node, ver, hash: undefined }))
  t.ok(cache.get({ node: 'of something else', ver, hash: 'sha-1' }), 'whatever the software')
})

t.test('what is kept does not keep alive what it was cut from', async t => {
  const cache = new CapsCache()
  const kept: unknown[] = []
  const AROUND = 60_000
  const keep = (n: number): void => {
    const xml = `<query xmlns='${NS_DISCO}' ver='VER'><identity category='client of some kind ${n}' type='personal computer ${n}' name='a name of some length ${n}'/><feature var='urn:example:of-some-length:${n}'/><x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>urn:example:form:${n}</value></field><field var='a field of a form ${n}'><value>a value of some length ${n}</value></field></x></query>`
    const ver = verificationString(readInfo(received(xml)))
    const query = received(xml.replace('VER', ver), AROUND)
    const announced = { node: NODE, ver: query.attrs.ver as string, hash: 'sha-1' }
    if (!cache.take(announced, readInfo(query))) throw new Error('not taken')
    kept.push(unverified(readInfo(query)))
  }
  keep(0)
  const before = heap()
  for (let n = 1; n <= 200; n++) keep(n)
  const each = Math.round((heap() - before) / 200)
  t.equal(cache.size + kept.length, 402)
  t.ok(each < AROUND / 4, `${each} bytes for each, of chunks of ${2 * AROUND}`)
})
