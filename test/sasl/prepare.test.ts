/** SASLprep, RFC 4013, and what is said of a name or password that it refuses. */
import t from 'tap'
import { prepare } from '../../src/sasl/prepare.ts'
import { rejects } from '../helper/rejects.ts'

t.test('what comes of it', async t => {
  for (const [text, prepared] of [
    ['user', 'user'],
    ['USER', 'USER'],
    ['I\u00adX', 'IX'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['\u0627', '\u0627'],
    ['\u0627\u0628', '\u0627\u0628'],
    // Not in Unicode 3.2: whether they may be stored is the server's to say.
    ['p\u00e4ss\u{1f600}', 'p\u00e4ss\u{1f600}'],
    ['\u0221', '\u0221'],
    ['\u1e9e', '\u1e9e'],
  ] as const) {
    t.equal(await prepare(text, 'password'), prepared, JSON.stringify(text))
  }
})

t.test('what is wrong, without the text itself', async t => {
  for (const [text, message] of [
    ['', /^the password is empty$/],
    ['hunter\u0007two', /^the password holds U\+0007 as its character 7, which SASL does not allow \(RFC 4013\)$/],
    ['\u{1f600}\ud800', /holds U\+D800 as its character 2/],
    ['\u00ad\u200e', /holds U\+200E as its character 2/],
    ['\u00ad', /consists of characters that count for nothing/],
    ['\u00ad\ufe00', /consists of characters that count for nothing/],
    ['\u06271', /mixes letters that are written from right to left with others/],
    ['a\u0627', /mixes letters/],
  ] as const) {
    const error = { code: 'XMPP_SASLPREP', message }
    await rejects(t, prepare(text, 'password'), error, JSON.stringify(text))
  }
  await rejects(t, prepare('a\u0080', 'user name'), { message: /^the user name holds U\+0080 as its character 2/ })
})
