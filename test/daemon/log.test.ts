import t from 'tap'
import { Log } from '../../src/daemon/log.ts'
import { printable, printableJson } from '../../src/printable.ts'

t.test('printable: what could do harm is shown and not done', async t => {
  const cases: [what: string, text: string, shown: string][] = [
    ['a line of its own', 'a\nNOTICE forged', 'a\\x0aNOTICE forged'],
    ['carriage return', 'a\rb', 'a\\x0db'],
    ['tab, backspace, bell, NUL', 'a\tb\bc\u0007d\0e', 'a\\x09b\\x08c\\x07d\\x00e'],
    ['a colour', '\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
    ['the title of the window', '\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
    ['clear the screen', '\u001b[2J\u001b[H', '\\x1b[2J\\x1b[H'],
    ['DEL', 'a\u007f', 'a\\x7f'],
    ['C1, whose 9b is an escape too', '\u009b31m\u0085\u0080\u009f', '\\x9b31m\\x85\\x80\\x9f'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'a\\u{2028}b\\u{2029}c'],
    ['right to left and back', '\u202egnp.exe\u202c', '\\u{202e}gnp.exe\\u{202c}'],
    ['embeddings and isolates', '\u202a\u202b\u202d\u2066\u2067\u2068\u2069', null as never],
    ['direction marks', '\u061c\u200e\u200f', '\\u{61c}\\u{200e}\\u{200f}'],
    ['BOM, interlinear annotation', '\ufeff\ufff9\ufffa\ufffb', '\\u{feff}\\u{fff9}\\u{fffa}\\u{fffb}'],
    ['no characters', '\ufffe\uffff', '\\u{fffe}\\u{ffff}'],
    ['half a character', 'a\ud83d', 'a\\u{d83d}'],
    ['the other half', '\ude00b', '\\u{de00}b'],
    ['two halves the wrong way round', '\ude00\ud83d', '\\u{de00}\\u{d83d}'],
    ['tags, which nobody sees', 'a\u{e0041}\u{e007f}', 'a\\u{e0041}\\u{e007f}'],
    ['what takes no room', 'a\u200b\u2060\u00adb', 'a\\u{200b}\\u{2060}\\xadb'],
  ]
  for (const [what, text, shown] of cases) {
    if (shown !== null) t.equal(printable(text), shown, what)
    t.match(printable(text), /^[\x20-\x7e]*$/, what)
  }
})

t.test('printable: what people write stays', async t => {
  for (const text of [
    '',
    'Grüße, 世界',
    'שלום عليكم',
    'नमस्ते',
    'e\u0301',
    '😀',
    '👩‍👩‍👧',
    'a\\x0ab',
    `"quoted" & 'so' <b>`,
  ]) {
    t.equal(printable(text), text)
  }
})

t.test('printable: every character there is leaves as one line', async t => {
  for (let code = 0; code <= 0x10ffff; code++) {
    const shown = printable(String.fromCodePoint(code))
    if (/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u.test(shown)) t.fail(`U+${code.toString(16)}`)
  }
  t.pass('none is left that moves the cursor or reorders')
})

t.test('printableJson: harmless, and reads back as it was', async t => {
  const value = { a: '\u009b\u202e\ufeff\n"\\', b: ['\ud83d', '😀', '\u{e0041}', 'Grüße'], c: null, '\u2028': 1 }
  const text = printableJson(value)
  t.strictSame(JSON.parse(text), value)
  t.notMatch(text, /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u)
  t.match(text, '😀')
  t.match(text, 'Grüße')
})

t.test('a line an event', async t => {
  const written: string[] = []
  const log = new Log({ write: text => written.push(text), timestamps: false })
  log.line('NOTICE', 'hello')
  log.line('WARNING', 'evil\nERROR [b] forged\u001b[2K\r', 'a\nb')
  t.strictSame(written, ['NOTICE hello\n', 'WARNING [a\\x0ab] evil\\x0aERROR [b] forged\\x1b[2K\\x0d\n'])
})

t.test('a line is not as long as a peer likes', async t => {
  const written: string[] = []
  const log = new Log({ write: text => written.push(text), timestamps: false })
  log.line('WARNING', `refused: ${'\u0085'.repeat(100_000)}`)
  t.ok((written[0]?.length ?? 0) < 10_000)
  t.match(written[0], /^WARNING refused: (\\x85)+… \(98009 characters more\)\n$/)
})

t.test('with a time before it', async t => {
  const written: string[] = []
  const now = (): Date => new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6))
  const log = new Log({ write: text => written.push(text), timestamps: true, now })
  log.line('ERROR', 'no', 'asterisk')
  t.strictSame(written, ['2026-01-02T03:04:05.006Z ERROR [asterisk] no\n'])
})

t.test("stanzas in the form of Asterisk's debug output", async t => {
  const written: string[] = []
  const log = new Log({ write: text => written.push(text), timestamps: false })
  log.stanza('out', 'asterisk', '<presence/>')
  log.stanza('in', 'asterisk', '<message><body>a\n<------------->\nNOTICE forged\u001b</body></message>')
  t.equal(
    written.join(''),
    `<--- XMPP sent to 'asterisk' --->
<presence/>
<------------->
<--- XMPP received from 'asterisk' --->
<message><body>a\\x0a<------------->\\x0aNOTICE forged\\x1b</body></message>
<------------->
`,
  )
})
