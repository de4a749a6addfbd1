import t from 'tap'
import { HandClock } from './helper/clock.ts'
import { pair, settled } from './helper/pair.ts'
import { rejects } from './helper/rejects.ts'
import { playText } from './helper/transcript.ts'

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='x'>"

/** Plays a dialogue in which the client says this behind its header, all at once. */
async function against(said: string, script: string): Promise<void> {
  const { near, far } = pair()
  near.resume()
  near.write(HEADER + said)
  await playText(far, `C: ${HEADER}\n${script}`, 'some.txt')
}

t.test('a transcript that fits', async t => {
  await against('<a/>', 'C: <a/>')
  await against("<a b='1' c='2'/>", 'C: <a c="2" b="1"></a>')
  await against("<p:a xmlns:p='urn:p' p:b='1'/>", "C: <a xmlns='urn:p' xmlns:q='urn:p' q:b='1'/>")
  await against('<a>&lt;<b/></a>', 'C: <a>\n  &#60;\n  <b/>\n  </a>')
  await against("<a b='x'>text</a>", "# a comment\n\nC: <a b='{any}'>{any}</a>")
  await against('<a/><b/>', 'C: <a/>\nC: <b/>')
  await against("<a id='7'/><b id='7'>7</b>", "C: <a id='{id}'/>\nC: <b id='{id}'>{id}</b>")
  await against(`<a/>${HEADER}<b/>`, `C: <a/>\nC: ${HEADER}\nC: <b/>`)
  await against('</stream:stream>', 'C: </stream:stream>')
  t.pass('all of them')
})

t.test('a transcript that does not fit says where', async t => {
  for (const [said, script, why] of [
    ['<b/>', 'C: <a/>', /^some\.txt:2: <b xmlns='jabber:client'>\n {2}wanted <a .*\n {2}got {4}<b /],
    ["<a xmlns='urn:x'/>", 'C: <a/>', /some\.txt:2/],
    ["<a b='1'/>", "# one\n# two\nC: <a b='2'/>", /^some\.txt:4: attribute b of <a> is 1/],
    ['<a/>', "C: <a b='{any}'/>", /attribute b of <a> is missing/],
    ["<a b='1'/>", 'C: <a/>', /attribute b/],
    ['<a>x</a>', 'C: <a>y</a>', /text of <a>/],
    ['<a>x</a>', 'C: <a/>', /content of <a>/],
    ['<a><b/></a>', 'C: <a>{any}</a>', /content of <a>/],
    ['<a><b/><c/></a>', 'C: <a><c/><b/></a>', /<b /],
    ["<a id='1'/><b id='2'/>", "C: <a id='{id}'/>\nC: <b id='{id}'/>", /some\.txt:3: attribute id/],
    ['<a/><b/>', 'C: <a/>', /sent more: <b\/>/],
    ['</stream:stream>', 'C: <a/>', /wanted element, got close/],
    ['<a/>', 'C: </stream:stream>', /wanted close, got element/],
    ['<a/>', 'D: <a/>', /some\.txt:2: neither/],
  ] as const) {
    await rejects(t, against(said, script), { message: why }, `${said} where ${script} belongs`)
  }
  const { near, far } = pair()
  near.end(HEADER)
  await rejects(t, playText(far, `C: ${HEADER}\nC: <a/>`), { message: /:2: wanted element, got eof/ })
  t.ok(far.destroyed, 'and the other side is not left waiting')
})

t.test('the other role, and the ends of a connection', async t => {
  const { near, far } = pair()
  const script = `C: ${HEADER}\nS: ${HEADER}\nC: <a>{word}</a>\nS: <b>{word}</b></stream:stream>\nS: {eof}\nC: {eof}`
  const words = { word: '42' }
  await Promise.all([
    playText(
      near,
      script.replace('S: <b>{word}</b></stream:stream>', 'S: <b>{word}</b>\nS: </stream:stream>'),
      'near',
      { as: 'client', words },
    ),
    playText(far, script, 'far'),
  ])
  t.pass()
})

t.test('a wire: end, cut, and no more than the other side takes', async t => {
  const { near, far } = pair(10)
  near.write('12345678901234567890')
  await settled()
  t.equal(near.writableLength > 0 || far.readableLength > 0, true)
  const chunks: string[] = []
  far.on('data', chunk => chunks.push(`${chunk}`))
  near.write('x')
  near.end()
  await settled()
  t.same(chunks, ['12345678901234567890', 'x'], 'a chunk for each write')
  t.ok(far.readableEnded)
  far.destroy()
  await settled()
  t.ok(near.destroyed || near.writableFinished)
})

t.test('a clock', async t => {
  const clock = new HandClock()
  const start = clock.now()
  const went: string[] = []
  clock.after(20, () => went.push(`b at ${clock.now() - start}`))
  clock.after(10, () => {
    went.push(`a at ${clock.now() - start}`)
    clock.after(5, () => went.push(`c at ${clock.now() - start}`))
  })
  clock.after(15, () => went.push('never'))()
  t.equal(clock.pending, 2)
  t.equal(clock.next, 10)
  await clock.advance(19)
  t.same(went, ['a at 10', 'c at 15'])
  clock.skip(1)
  t.same(went, ['a at 10', 'c at 15', 'b at 20'])
  t.equal(clock.now() - start, 20)
  t.equal(clock.next, undefined)
})
