import t from 'tap'
import { XmppError } from '../src/errors.ts'
import { type Failure, verdictOn } from '../src/failures.ts'

const failure = (at: number, code: string, message: string): Failure => ({
  target: { host: `h${at}.example`, port: at, direct: false },
  error: new XmppError(code, message),
  step: 'connect',
})

t.test('of very many failures not all are told', async t => {
  const alike = Array.from({ length: 100 }, (_, at) => failure(at, 'XMPP_X', 'no'))
  t.match(
    verdictOn('d.example', alike, []).message,
    /^no; the same at h0\.example port 0, .*, h15\.example port 15, and 83 more$/,
  )
  const odd = alike.map((one, at) => (at % 2 === 0 ? one : failure(at, 'XMPP_Y', '\u{e0001}'.repeat(1000))))
  const { message } = verdictOn('d.example', odd, [])
  t.match(message, /^none of the servers of d\.example could be used: h0\.example port 0: no; .*; and 84 more$/)
  t.match(message, /h1\.example port 1: (\\u\{e0001\}){150}…; h2/)
  t.ok(message.length < 16 * 1000, `${message.length}`)
})

t.test('a port that has been tried in both ways is told once', async t => {
  const [one, two] = [failure(1, 'XMPP_X', 'no'), failure(2, 'XMPP_X', 'h2.example port 2: no')]
  const direct = ({ target, ...rest }: Failure): Failure => ({ ...rest, target: target && { ...target, direct: true } })
  const { message } = verdictOn('d.example', [direct(one), one, direct(two), two], [])
  t.equal(message, 'h2.example port 2: no; the same at h1.example port 1')
  t.equal(verdictOn('d.example', [direct(two), two], []).message, 'h2.example port 2: no', 'and not at itself')
})

t.test('what is told of one failure in which there was no server yet', async t => {
  const none: Failure = { target: undefined, error: new XmppError('XMPP_NO_SERVICE', 'no XMPP'), step: 'resolve' }
  t.equal(verdictOn('d.example', [none], []), none.error)
  const both = verdictOn('d.example', [failure(1, 'XMPP_X', 'no'), none], [])
  t.match(both, {
    code: 'XMPP_X',
    message: 'none of the servers of d.example could be used: h1.example port 1: no; no XMPP',
  })
})
