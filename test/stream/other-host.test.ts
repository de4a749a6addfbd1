import t from 'tap'
import { StreamError } from '../../src/errors.ts'
import { el } from '../../src/stream/element.ts'
import { readOtherHost } from '../../src/stream/other-host.ts'

t.test('hosts and ports', async t => {
  for (const [text, host, port] of [
    ['other.example', 'other.example', undefined],
    ['Other.Example:5269', 'other.example', 5269],
    ['other.example.', 'other.example', undefined],
    [' other.example\n', 'other.example', undefined],
    ['bücher.example:1', 'xn--bcher-kva.example', 1],
    ['192.0.2.1', '192.0.2.1', undefined],
    ['192.0.2.1:65535', '192.0.2.1', 65_535],
    ['[2001:41D0:1:A49b::1]', '2001:41d0:1:a49b::1', undefined],
    ['[2001:41D0:1:A49b::1]:9222', '2001:41d0:1:a49b::1', 9222],
    ['[::ffff:192.0.2.1]:1', '::ffff:192.0.2.1', 1],
  ] as const) {
    t.strictSame(readOtherHost(text), { host, port }, text)
  }
})

t.test('what is none', async t => {
  const bad = [
    '',
    ' ',
    '.',
    ':1',
    'a:',
    'a:0',
    'a:65536',
    'a:123456',
    'a:-1',
    'a:1:2',
    '::1',
    '[::1',
    '[::1]x',
    '[192.0.2.1]',
  ]
  const odd = [
    '[fe80::1%25eth0]',
    'a b',
    'a\tb',
    'a\0b',
    'a\x1b[2J',
    'a/b',
    'a@b',
    'a%2eb',
    '-a',
    'a-',
    'a..b',
    '127.1',
    '0x7f.1',
  ]
  const long = ['x'.repeat(64), `${'a.'.repeat(127)}a`, 'x'.repeat(1_000_000), `${' '.repeat(300)}a`, 'a:1\u202e']
  for (const text of [...bad, ...odd, ...long])
    t.equal(readOtherHost(text), undefined, JSON.stringify(text).slice(0, 60))
})

t.test('as a stream error has it', async t => {
  const NS = 'urn:ietf:params:xml:ns:xmpp-streams'
  const error = (condition: string, content: string) =>
    StreamError.from(el('error', 'http://etherx.jabber.org/streams', {}, el(condition, NS, {}, content)))
  t.match(error('see-other-host', '[::1]:5'), { by: 'peer', text: '[::1]:5', otherHost: { host: '::1', port: 5 } })
  t.equal(error('see-other-host', '?').otherHost, undefined)
  t.equal(error('reset', 'a.example').otherHost, undefined)
  t.equal(new StreamError('see-other-host', 'a.example').otherHost, undefined)
})
