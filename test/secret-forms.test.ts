import t from 'tap'
import { prepare } from '../src/sasl/prepare.ts'
import { hiding } from '../src/secret-forms.ts'
import { escapeAttribute, escapeXml } from '../src/stream/escape.ts'
import { type Form, forms } from './helper/forms.ts'

/** Each brings out what others do not: SASLprep, escapes, the second alphabet of base64, lengths at which its groups end differently. */
const secrets = [
  'hunter2hunter2',
  'hunt',
  'hunte',
  'hunter',
  'hu&t<er>\'"2',
  'sésame 42',
  'hunter\u00ad2\u00a0\u2168x',
  '>>>???~~~',
  'a\tb\u200ec',
]

t.test('every form of every secret is hidden', async t => {
  for (const secret of secrets) {
    const hide = hiding([secret])
    for (const [what, form] of Object.entries(forms)) {
      const repeated = await form(secret)
      t.equal(
        hide(`what is ${repeated} here`),
        'what is [masked] here',
        `${JSON.stringify(secret)} ${what}: ${repeated}`,
      )
      t.equal(hide(repeated), '[masked]', 'alone')
    }
  }
})

t.test('base64 of anything that holds a secret', async t => {
  for (const secret of secrets) {
    const hide = hiding([secret])
    for (const before of ['', 'a', 'ab', '\0juliet\0', 'id:', 'n,a=juliet@example.com,\x01auth=Bearer ']) {
      for (const behind of ['', '\x01', '\x01\x01', '\x01host=example.com']) {
        for (const encoding of ['base64', 'base64url'] as const) {
          const encoded = Buffer.from(before + secret + behind).toString(encoding)
          t.equal(hide(`cannot decode ${encoded}!`), 'cannot decode [masked]!', `${secret} ${before}|${behind}`)
        }
      }
    }
  }
})

t.test('what stands around it is shown', async t => {
  const hide = hiding(['hunter2hunter2', undefined, '', 'abc', 'other hunter2hunter2 secret'], ['da39a3ee5e6b4b0d'])
  const cases: [text: string, want: string][] = [
    ['', ''],
    ['abc', 'abc'],
    ['the abc of it, hunter2', 'the abc of it, hunter2'],
    ['hunter2hunter2hunter2hunter2!', '[masked]!'],
    ['hunter2hunter2,hunter2hunter2', '[masked],[masked]'],
    ['one other hunter2hunter2 secret more', 'one [masked] more'],
    ['[masked] hunter2hunter2', '[masked] [masked]'],
    ['the digest da39a3ee5e6b4b0d, or DA39A3EE5E6B4B0D', 'the digest [masked], or [masked]'],
    [`payload=${Buffer.from('hunter2hunter2').toString('base64')}`, 'payload=[masked]'],
  ]
  for (const [text, want] of cases) {
    t.equal(hide(text), want, text)
    t.equal(hide(want), want, 'twice is as once')
  }
  const masked = hiding(['masked', 'mask'])
  t.equal(masked('[masked] masked'), '[masked] [masked]', 'what hides a secret does not tell it')
  const none = hiding([undefined, 'abc'])
  t.equal(none('abc [masked] def'), 'abc [masked] def')
})

t.test('nothing makes it throw', async t => {
  for (const secret of [
    '\ud800\udc00\ud800x',
    '\0\0\0\0',
    '\ufffe\uffff\u0001\u0002',
    '\u00ad\u00ad\u00ad\u00ad',
    '$&$&$1',
  ]) {
    const hide = hiding([secret], [secret])
    t.equal(hide(`x ${secret} y`), 'x [masked] y')
    t.equal(hide(`\ud800${'\udc00'.repeat(10)}`), `\ud800${'\udc00'.repeat(10)}`)
  }
})

t.test('a long text takes no long time', async t => {
  const secret = 'hunter2hunter2'
  const hide = hiding([secret, 'aaaaaaab', 'a'.repeat(500), 'x&'.repeat(100)], ['f'.repeat(40)])
  const core = Buffer.from(secret).toString('base64').slice(0, 18)
  for (const piece of ['a', core, `${core} `, secret, 'x&amp;', 'hunter2hunte', '[masked]', '=']) {
    const text = piece.repeat(Math.ceil(262_144 / piece.length))
    const began = performance.now()
    const hidden = hide(text)
    const took = performance.now() - began
    t.ok(hidden.length <= text.length * 2, piece)
    t.ok(took < 1000, `${piece}: ${took} ms`)
  }
})

t.test('the forms are those that are written here', async t => {
  const { text, attribute, prepared } = forms as Record<string, Form>
  t.equal(await text?.('a&b'), escapeXml('a&b'))
  t.equal(await attribute?.('a\tb'), escapeAttribute('a\tb'))
  t.equal(await prepared?.('a\u00adb'), await prepare('a\u00adb', 'password'))
})
