import t from 'tap'
import { dial } from '../../src/stream/dial.ts'
import type { XmlStream } from '../../src/stream/stream.ts'
import { XmlStream as Stream } from '../../src/stream/stream.ts'
import { transport } from '../../src/stream/transport.ts'
import { listen } from '../helper/listen.ts'
import { pair } from '../helper/pair.ts'
import { Peer } from '../helper/peer.ts'
import { rejects } from '../helper/rejects.ts'
import { NS_CLIENT } from '../helper/session.ts'

const STREAMS = "xmlns:stream='http://etherx.jabber.org/streams'"
const HEADER = `<stream:stream xmlns='jabber:client' ${STREAMS} id='s1' version='1.0'>`

/** What a peer says, from its first byte on, and the condition that it deserves (RFC 6120 §4.9.3). */
const wrong: readonly (readonly [what: string, said: string | Uint8Array, condition: string])[] = [
  ['a DTD', `<!DOCTYPE x>${HEADER}`, 'restricted-xml'],
  ['a DTD in the stream', `${HEADER}<!DOCTYPE x>`, 'restricted-xml'],
  ['a comment', `${HEADER}<a/><!-- x --><b/>`, 'restricted-xml'],
  ['a comment in a stanza', `${HEADER}<a><!-- x --></a>`, 'restricted-xml'],
  ['a processing instruction', `${HEADER}<?x y?>`, 'restricted-xml'],
  ['an undeclared entity', `${HEADER}<a>&nbsp;</a>`, 'restricted-xml'],
  ['an unbound prefix', `${HEADER}<x:a/>`, 'not-well-formed'],
  ['an unbound prefix of an attribute', `${HEADER}<a x:b='1'/>`, 'not-well-formed'],
  ['the prefix xml bound to something else', `${HEADER}<a xmlns:xml='urn:x'/>`, 'not-well-formed'],
  ['the prefix xmlns declared', `${HEADER}<a xmlns:xmlns='urn:x'/>`, 'not-well-formed'],
  ['a prefix undeclared', `${HEADER}<a xmlns:x=''/>`, 'not-well-formed'],
  ['an attribute twice', `${HEADER}<a b='1' b='2'/>`, 'not-well-formed'],
  ['an attribute twice by expanded name', `${HEADER}<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>`, 'not-well-formed'],
  ['a reference to no character', `${HEADER}<a>&#0;</a>`, 'not-well-formed'],
  ['a control character', `${HEADER}<a>\u0007</a>`, 'not-well-formed'],
  ['tags that do not match', `${HEADER}<a><b></a></b>`, 'not-well-formed'],
  ['UTF-8 that is none', Buffer.concat([Buffer.from(`${HEADER}<a>`), Buffer.of(0xc3, 0x28)]), 'unsupported-encoding'],
  ['overlong UTF-8', Buffer.concat([Buffer.from(`${HEADER}<a>`), Buffer.of(0xc0, 0xaf)]), 'unsupported-encoding'],
  ['UTF-16', Buffer.from(HEADER, 'utf16le'), 'unsupported-encoding'],
  ['a declared encoding', `<?xml version='1.0' encoding='UTF-16'?>${HEADER}`, 'unsupported-encoding'],
  ['text between stanzas', `${HEADER}<a/>hello<b/>`, 'bad-format'],
  ['no stream namespace', "<stream xmlns='jabber:client' version='1.0'>", 'invalid-namespace'],
  ['another stream namespace', "<s:stream xmlns='jabber:client' xmlns:s='urn:s'>", 'invalid-namespace'],
  ['no content namespace', `<stream:stream ${STREAMS} version='1.0'>`, 'invalid-namespace'],
  ['another content namespace', `<stream:stream xmlns='jabber:server' ${STREAMS}>`, 'invalid-namespace'],
  ['version 2.0', HEADER.replace('1.0', '2.0'), 'unsupported-version'],
  ['a root that is no stream', `<stream:features xmlns='jabber:client' ${STREAMS}>`, 'bad-format'],
  ['no XML at all', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'not-well-formed'],
  ['a stanza that is too large', `${HEADER}<a>${'x'.repeat(262_144)}</a>`, 'policy-violation'],
  ['a stanza that is too deep', `${HEADER}${'<a>'.repeat(100)}`, 'policy-violation'],
  [
    'too many attributes',
    `${HEADER}<a ${Array.from({ length: 101 }, (_, n) => `b${n}='1'`).join(' ')}/>`,
    'policy-violation',
  ],
  ['a name that is too long', `${HEADER}<${'a'.repeat(1001)}/>`, 'policy-violation'],
]

/** Reads whatever comes, to the end or the error. */
async function readAll(stream: XmlStream): Promise<void> {
  for await (const batch of stream.batches()) if (batch.length === 0) throw new Error('an empty batch')
}

async function initiate(stream: XmlStream): Promise<void> {
  await stream.open({ to: 'example.com', version: '1.0' })
  await readAll(stream)
}

async function accept(stream: XmlStream): Promise<void> {
  await stream.readHeader()
  stream.sendHeader({ id: 's2', version: '1.0' })
  await readAll(stream)
}

for (const [role, play] of [
  ['initiator', initiate],
  ['acceptor', accept],
] as const) {
  t.test(`as ${role}: refused once, with the right condition, and closed`, async t => {
    for (const [what, said, condition] of wrong) {
      const { near, far } = pair(1_000_000)
      const stream = new Stream(transport(near), { ns: NS_CLIENT })
      const peer = new Peer(far)
      peer.write(said)
      await rejects(t, play(stream), { name: 'StreamError', condition, by: 'us' }, what)
      t.match(await peer.next(), { type: 'open' }, 'a header, for an error stands in a stream')
      t.match(await peer.next(), { node: { name: 'error', children: [{ name: condition }] } }, `${what}: ${condition}`)
      t.same(await peer.next(), { type: 'close' })
      t.same(await peer.next(), { type: 'eof' })
      t.ok(stream.over)
    }
  })
}

t.test('over a socket the peer gets the error too, though it goes on sending', async t => {
  const got: Promise<unknown[]>[] = []
  const server = await listen(t, socket => {
    const peer = new Peer(socket)
    peer.write(`${HEADER}<a><b></a>${'<c/>'.repeat(1000)}`)
    const all = async (): Promise<unknown[]> => {
      const seen: unknown[] = []
      for (let next = await peer.next(); ; next = await peer.next()) {
        seen.push(next.type === 'element' ? next.node.name : next.type)
        if (next.type === 'eof') return seen
      }
    }
    got.push(all())
  })
  const stream = new Stream(await dial({ host: '127.0.0.1', port: server.port }), { ns: NS_CLIENT })
  await rejects(t, initiate(stream), { condition: 'not-well-formed' })
  t.same(await got[0], ['open', 'error', 'close', 'eof'])
  await server.gone()
})
