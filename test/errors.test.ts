import { readFileSync } from 'node:fs'
import t from 'tap'
import { Emitter } from '../src/emitter.ts'
import { describe, retold, SaslError, StanzaError, StreamError, XmppError } from '../src/errors.ts'
import { el } from '../src/stream/element.ts'
import { VERSION } from '../src/version.ts'

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
const NS_STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams'
const NS_STREAM = 'http://etherx.jabber.org/streams'

t.test('codes, conditions, causes', async t => {
  const cause = new Error('why')
  t.match(new XmppError('XMPP_X', 'text', { condition: 'c', cause }), {
    name: 'XmppError',
    code: 'XMPP_X',
    condition: 'c',
    message: 'text',
    cause,
  })
  t.match(new StreamError('reset', '', { cause }), { name: 'StreamError', message: 'reset', by: 'us', cause })
  t.match(new SaslError('aborted', 'why'), { code: 'XMPP_SASL_FAILURE', message: 'aborted: why' })
  t.match(new StanzaError('wait', 'x', 'y'), { code: 'XMPP_STANZA_ERROR', type: 'wait', condition: 'x', text: 'y' })
  for (const error of [new StreamError('x'), new SaslError('x'), new StanzaError('auth', 'x')]) {
    t.ok(error instanceof XmppError && error instanceof Error)
  }
})

t.test('an error that is told again is the same for programs', async t => {
  const first = new StreamError('see-other-host', 'a.example', { by: 'peer', otherHost: { host: 'a', port: 1 } })
  for (const cause of [
    first,
    new SaslError('not-authorized', 'no'),
    new XmppError('XMPP_TLS_REFUSED', 'x', { condition: 'bad_certificate' }),
    new XmppError('XMPP_TIMEOUT', 'x'),
  ]) {
    const told = retold(cause, 'all of it')
    t.equal(told.constructor, cause.constructor)
    t.strictSame([told.code, told.condition, told.name], [cause.code, cause.condition, cause.name])
    t.equal(told.cause, cause)
    t.equal(told.message, 'all of it')
    t.match(told.stack, `${cause.name}: all of it\n`)
  }
  const { by, text, otherHost } = retold(first, 'x') as StreamError
  t.strictSame({ by, text, otherHost }, { by: 'peer', text: 'a.example', otherHost: { host: 'a', port: 1 } })
})

t.test('stanza errors as received', async t => {
  const received = (...error: Parameters<typeof el>[3][] | never[]) =>
    el('iq', 'jabber:client', { type: 'error' }, ...(error as never[]))
  const error = el(
    'error',
    'jabber:client',
    { type: 'auth' },
    el('precondition', 'urn:app'),
    el('text', NS_STANZAS, {}, 'no'),
    el('forbidden', NS_STANZAS),
  )
  t.match(StanzaError.from(received(error as never)), {
    type: 'auth',
    condition: 'forbidden',
    text: 'no',
    message: 'forbidden: no',
    element: { name: 'error' },
  })
  t.match(StanzaError.from(received()), { type: 'cancel', condition: 'undefined-condition', text: '' })
  t.match(StanzaError.from(received(el('error', 'jabber:client', { type: 'silly', code: '401' }) as never)), {
    type: 'cancel',
    condition: 'undefined-condition',
  })
})

t.test('stream errors as received', async t => {
  const received = el('error', NS_STREAM, {}, el('text', NS_STREAMS, {}, 'bye'), el('conflict', NS_STREAMS))
  t.match(StreamError.from(received), { condition: 'conflict', text: 'bye', by: 'peer' })
})

t.test('describe', async t => {
  t.equal(describe(new Error('a', { cause: new Error('b') })), 'a (b)')
  t.equal(describe(new XmppError('X', 'a: b', { cause: new Error('b') })), 'a: b', 'ours say all there is to say')
  t.equal(describe(new AggregateError([new Error('x'), new Error('y')])), 'x; y')
  t.equal(describe('text'), 'text')
  t.equal(describe(undefined), 'undefined')
  t.equal(describe(new TypeError()), 'TypeError')
})

t.test('an emitter', async t => {
  class Bell extends Emitter<{ type: 'ring'; times: number } | { type: 'still' }> {
    ring(times: number): void {
      this.emit({ type: 'ring', times })
    }
  }
  const bell = new Bell()
  const heard: number[] = []
  const off = bell.on('ring', ({ times }) => heard.push(times))
  bell.on('still', () => heard.push(-1))
  bell.ring(1)
  off()
  bell.ring(2)
  t.same(heard, [1])
  const warned = new Promise<Error>(resolve => process.once('warning', resolve))
  bell.on('ring', () => {
    throw new Error('deaf')
  })
  bell.on('ring', ({ times }) => heard.push(times))
  bell.ring(3)
  t.same(heard, [1, 3], 'a listener that throws keeps nobody from hearing')
  t.equal((await warned).message, 'deaf')
})

t.test('a listener whose promise rejects', async t => {
  class Bell extends Emitter<{ type: 'ring' }> {
    ring(): void {
      this.emit({ type: 'ring' })
    }
  }
  const bell = new Bell()
  const warned = new Promise<Error>(resolve => process.once('warning', resolve))
  bell.on('ring', async () => {
    throw new Error('deaf later')
  })
  bell.ring()
  t.equal((await warned).message, 'deaf later')
})

t.test('the version is the package’s', async t => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  t.equal(VERSION, version)
})

t.test("a peer's long text is cut in the message, and kept for who asks", async t => {
  const text = 'x'.repeat(100_000)
  for (const error of [new StreamError('policy-violation', text), new StanzaError('cancel', 'gone', text)]) {
    t.ok(error.message.length < 600, `${error.name}: ${error.message.length} characters`)
    t.equal(error.text, text)
  }
  t.ok(new SaslError('aborted', text).message.length < 600)
})
