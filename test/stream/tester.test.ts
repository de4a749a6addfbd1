import t from 'tap'
import { NS_STREAM } from '../../src/stream/element.ts'
import { XmlStream } from '../../src/stream/stream.ts'
import { transport } from '../../src/stream/transport.ts'
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
