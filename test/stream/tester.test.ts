import t from 'tap'
import { NS_STREAM } from '../../src/stream/namespaces.ts'
import { Parser } from '../../src/stream/parser.ts'
import { XmlStream } from '../../src/stream/stream.ts'
import { transport } from '../../src/stream/transport.ts'
import { HandClock } from '../helper/clock.ts'
import { pair } from '../helper/pair.ts'

const HEADER = `<stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}' version='1.0'>`

t.test('with automatic: false an error or a close of the peer ends nothing', async t => {
  const { near, far } = pair()
  const stream = new XmlStream(transport(near), { ns: 'jabber:client', automatic: false })
  const wire = transport(far)
  wire.write(`${HEADER}<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error><message/>`)
  await stream.readHeader()
  const error = await stream.expect(NS_STREAM, 'error')
  t.equal(error.elements[0]?.name, 'conflict', 'the error is an element like any other')

  const refused = await stream.expect('jabber:client', 'iq').catch(reason => reason)
  t.equal(refused.condition, 'unsupported-stanza-type')
  t.ok(stream.writable, 'what was not expected is thrown, and the stream goes on')

  wire.write('</stream:stream>')
  t.equal(await stream.next(), undefined)
  stream.write(Buffer.from('<still here'))
  t.equal(Buffer.from((await wire.read()) ?? []).toString(), '<still here', 'nothing else was ever sent')
  stream.destroy()
})

t.test('bytes that are not UTF-8 do not take the stanzas before them along', async t => {
  for (const bad of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x28, 0xa1]]) {
    const head = Buffer.from(`${HEADER}<message><body>é☎</body></message><iq/> <a>ü`)
    const chunk = Buffer.concat([head, Buffer.from(bad), Buffer.from('</a><b/>')])
    for (const cut of [0, head.length - 1, head.length, head.length + 1]) {
      const parser = new Parser()
      const seen: string[] = []
      const read = (): void => {
        for (let event = parser.next(); event !== undefined; event = parser.next()) seen.push(event.type)
      }
      let thrown: unknown
      try {
        parser.push(chunk.subarray(0, cut))
        read()
        parser.push(chunk.subarray(cut))
        read()
      } catch (error) {
        thrown = error
      }
      t.match(thrown, { condition: 'unsupported-encoding' })
      t.same(seen, ['open', 'element', 'element'], `bad bytes ${bad}, cut at ${cut}`)
      t.equal(parser.next(), undefined, 'it throws once')
    }
  }
})

t.test('with automatic: false one may go on writing to a peer that has ended its side', async t => {
  const { near, far } = pair()
  const stream = new XmlStream(transport(near), { ns: 'jabber:client', automatic: false })
  const wire = transport(far)
  wire.write(`${HEADER}<iq/>`)
  wire.end()
  await stream.readHeader()
  t.equal((await stream.next())?.name, 'iq')
  t.equal(await stream.next(), undefined)
  t.ok(stream.writable)
  stream.write(Buffer.from('<more/>'))
  t.equal(Buffer.from((await wire.read()) ?? []).toString(), '<more/>')
  stream.destroy()
})

t.test('with automatic: false a close that both have sent is over at once', async t => {
  const { near, far } = pair()
  const stream = new XmlStream(transport(near), { ns: 'jabber:client', automatic: false, clock: new HandClock() })
  stream.sendHeader({ version: '1.0' })
  const wire = transport(far)
  wire.write(HEADER)
  await stream.readHeader()
  const closed = stream.close()
  wire.write('</stream:stream>')
  await closed
  t.ok(stream.over, 'without the time having passed')
})
