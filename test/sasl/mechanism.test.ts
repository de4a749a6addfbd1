import t from 'tap'
import { type Mechanism, mechanisms, plain, selectMechanism } from '../../src/sasl/index.ts'
import { prepare } from '../../src/sasl/prepare.ts'
import { rejects, throws } from '../helper/rejects.ts'

const pick = (offered: string[], plaintext = true, ours: readonly Mechanism[] = mechanisms): string =>
  selectMechanism(ours, offered, { plaintext }).name

t.test('the strongest of ours that is offered', async t => {
  t.same(
    mechanisms.map(({ name }) => name),
    ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'],
  )
  t.equal(pick(['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512']), 'SCRAM-SHA-512')
  t.equal(pick(['PLAIN', 'DIGEST-MD5', 'SCRAM-SHA-1']), 'SCRAM-SHA-1', "the server's order does not matter")
  t.equal(pick(['PLAIN']), 'PLAIN')
  t.equal(pick(['SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS']), 'SCRAM-SHA-1')
  t.equal(pick(['SCRAM-SHA-1', 'PLAIN'], true, [...mechanisms].reverse()), 'PLAIN', 'our order does')
})

t.test('nothing that shows the password where it would be seen', async t => {
  t.equal(pick(['PLAIN', 'SCRAM-SHA-1'], false), 'SCRAM-SHA-1')
  t.equal(pick(['PLAIN', 'SCRAM-SHA-1'], false, [...mechanisms].reverse()), 'SCRAM-SHA-1', 'whatever we would rather')
  throws(t, () => pick(['PLAIN'], false), {
    name: 'SaslError',
    condition: 'encryption-required',
    message: /PLAIN.*TLS/,
  })
})

t.test('nothing in common', async t => {
  throws(t, () => pick(['DIGEST-MD5', 'EXTERNAL']), {
    name: 'SaslError',
    condition: 'invalid-mechanism',
    message: /offers DIGEST-MD5 EXTERNAL, we know SCRAM-SHA-512/,
  })
  throws(t, () => pick([]), { condition: 'invalid-mechanism', message: /no mechanism/ })
  throws(t, () => pick(['plain']), { condition: 'invalid-mechanism' }, 'names are in capitals (RFC 4422 §3.1)')
  throws(t, () => pick(Array.from({ length: 1000 }, (_, n) => `X-${n}`)), { message: /^.{1,500}$/ })
})

t.test('PLAIN, RFC 4616', async t => {
  t.equal(plain.plaintext, true)
  const say = async (username: string, password: string): Promise<unknown> => {
    const dialogue = plain.start({ credentials: async () => ({ username, password }) })
    const { value } = await dialogue.next()
    t.match(await dialogue.next(''), { done: true })
    return value
  }
  t.equal(await say('tim', 'tanstaaftanstaaf'), '\0tim\0tanstaaftanstaaf')
  t.equal(await say('\u2168', 'p\u00e4ss w\u00f6rd\u00ad'), '\0IX\0p\u00e4ss w\u00f6rd')
  await rejects(t, say('tim\0', 'x'), { code: 'XMPP_SASLPREP' })
})

t.test('credentials are asked for once, when they are needed', async t => {
  let asked = 0
  const credentials = async () => {
    asked++
    return { username: 'u', password: 'p' }
  }
  for (const mechanism of mechanisms) {
    asked = 0
    const dialogue = mechanism.start({ credentials, nonce: () => 'abc' })
    t.equal(asked, 0)
    await dialogue.next()
    if (mechanism !== plain) await dialogue.next('r=abcdef,s=c2FsdA==,i=1')
    t.equal(asked, 1, mechanism.name)
  }
})

t.test('SASLprep, RFC 4013 §3', async t => {
  t.equal(await prepare('I\u00adX', 'password'), 'IX')
  t.equal(await prepare('user', 'password'), 'user')
  t.equal(await prepare('USER', 'password'), 'USER')
  t.equal(await prepare('\u00aa', 'password'), 'a')
  t.equal(await prepare('\u2168', 'password'), 'IX')
  t.equal(await prepare('a\u00a0b', 'password'), 'a b')
  t.equal(await prepare(' ~ ', 'password'), ' ~ ')
  await rejects(t, prepare('\u0007', 'password'), { code: 'XMPP_SASLPREP', message: /password/ })
  await rejects(t, prepare('\u0627\u0031', 'password'), { code: 'XMPP_SASLPREP' }, 'directions mixed')
  await rejects(t, prepare('', 'password'), { code: 'XMPP_SASLPREP', message: /empty/ })
  await rejects(t, prepare('\u00ad', 'user name'), { code: 'XMPP_SASLPREP' }, 'empty once prepared')
})
