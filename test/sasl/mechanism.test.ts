import t from 'tap'
import { SaslError } from '../../src/errors.ts'
import {
  type Circumstances,
  type Mechanism,
  mechanisms,
  type Proof,
  plain,
  refused,
  selectMechanism,
} from '../../src/sasl/index.ts'
import { prepare } from '../../src/sasl/prepare.ts'
import { rejects, throws } from '../helper/rejects.ts'

/** Under TLS and with a password, unless said otherwise. */
const pick = (offered: string[], more: Partial<Circumstances> = {}, ours: readonly Mechanism[] = mechanisms): string =>
  selectMechanism(ours, offered, {
    plaintext: true,
    encrypted: true,
    binding: false,
    proofs: new Set(['password']),
    ...more,
  }).name

const everything: readonly Proof[] = ['password', 'token', 'certificate', 'nothing']

t.test('the strongest of ours that is offered', async t => {
  const all = mechanisms.map(({ name }) => name)
  t.same(all, [
    'EXTERNAL',
    'SCRAM-SHA-512-PLUS',
    'SCRAM-SHA-256-PLUS',
    'SCRAM-SHA-1-PLUS',
    'SCRAM-SHA-512',
    'SCRAM-SHA-256',
    'SCRAM-SHA-1',
    'OAUTHBEARER',
    'X-OAUTH2',
    'PLAIN',
    'DIGEST-MD5',
    'ANONYMOUS',
  ])
  for (const [at, name] of all.entries()) {
    t.equal(pick(all.slice(at).reverse(), { binding: true, proofs: new Set(everything) }), name)
  }
  t.equal(pick(['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512']), 'SCRAM-SHA-512')
  t.equal(pick(['PLAIN', 'DIGEST-MD5', 'SCRAM-SHA-1']), 'SCRAM-SHA-1', "the server's order does not matter")
  t.equal(pick(['PLAIN']), 'PLAIN')
  t.equal(pick(['SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS']), 'SCRAM-SHA-1', 'nothing to bind to')
  t.equal(pick(['SCRAM-SHA-512', 'SCRAM-SHA-1-PLUS'], { binding: true }), 'SCRAM-SHA-1-PLUS')
  t.equal(pick(['SCRAM-SHA-1', 'PLAIN'], {}, [...mechanisms].reverse()), 'PLAIN', 'our order does')
})

t.test('what the user can prove', async t => {
  const all = mechanisms.map(({ name }) => name)
  for (const [proof, name] of [
    ['certificate', 'EXTERNAL'],
    ['password', 'SCRAM-SHA-512'],
    ['token', 'OAUTHBEARER'],
    ['nothing', 'ANONYMOUS'],
  ] as const) {
    t.equal(pick(all, { proofs: new Set([proof]) }), name)
  }
  throws(t, () => pick(['PLAIN'], { proofs: new Set(['token']) }), {
    message: /offers PLAIN, we can use OAUTHBEARER X-/,
  })
  throws(t, () => pick(['PLAIN'], { proofs: new Set() }), {
    condition: 'invalid-mechanism',
    message: /we can use none/,
  })
})

t.test('a login that has to be bound to its channel', async t => {
  const both = { binding: 'required', proofs: new Set<Proof>(['password', 'certificate']) } as const
  t.equal(pick(['SCRAM-SHA-512', 'SCRAM-SHA-1-PLUS', 'PLAIN'], both), 'SCRAM-SHA-1-PLUS')
  t.equal(pick(['EXTERNAL', 'PLAIN'], both), 'EXTERNAL', 'no password, nothing to protect')
  throws(t, () => pick(['SCRAM-SHA-512', 'PLAIN', 'DIGEST-MD5'], both), { condition: 'invalid-mechanism' })
})

t.test('nothing that shows the password where it would be seen', async t => {
  const seen = { plaintext: false, encrypted: false }
  t.equal(pick(['PLAIN', 'SCRAM-SHA-1'], seen), 'SCRAM-SHA-1')
  t.equal(pick(['PLAIN', 'SCRAM-SHA-1'], seen, [...mechanisms].reverse()), 'SCRAM-SHA-1', 'whatever we would rather')
  t.equal(pick(['PLAIN', 'DIGEST-MD5'], seen), 'DIGEST-MD5')
  throws(t, () => pick(['PLAIN'], seen), {
    name: 'SaslError',
    condition: 'encryption-required',
    message: /PLAIN.*TLS.*password/,
  })
  throws(t, () => pick(['X-OAUTH2'], { ...seen, proofs: new Set(['token']) }), {
    condition: 'encryption-required',
    message: /X-OAUTH2.*TLS.*token/,
  })
})

t.test('DIGEST-MD5 comes before PLAIN in clear, and behind it under TLS', async t => {
  const both = ['PLAIN', 'DIGEST-MD5']
  t.equal(pick(both), 'PLAIN')
  t.equal(pick(both, { encrypted: false }), 'DIGEST-MD5', 'also where PLAIN would be allowed')
  t.equal(pick(['PLAIN'], { encrypted: false }), 'PLAIN')
  const proofs = new Set(everything)
  t.equal(pick(['PLAIN', 'ANONYMOUS'], { encrypted: false, proofs }), 'PLAIN', 'who has a name uses it')
})

t.test('nothing in common', async t => {
  throws(t, () => pick(['LOGIN', 'EXTERNAL']), {
    name: 'SaslError',
    condition: 'invalid-mechanism',
    message: /offers LOGIN EXTERNAL, we can use SCRAM-SHA-512/,
  })
  throws(t, () => pick([]), { condition: 'invalid-mechanism', message: /no mechanism/ })
  throws(t, () => pick(['plain']), { condition: 'invalid-mechanism' }, 'names are in capitals (RFC 4422 §3.1)')
  throws(t, () => pick(Array.from({ length: 1000 }, (_, n) => `X-${n}`)), { message: /^.{1,500}$/ })
  throws(t, () => pick(['X\n\x1b[2J']), { message: /offers X\\x0a\\x1b\[2J,/ })
})

t.test('a refusal is told to the dialogue, and comes out whatever it does', async t => {
  const failure = new SaslError('not-authorized', 'no')
  const context = { credentials: async () => ({ username: 'u', password: 'p', token: 't' }), domain: 'x' }
  for (const mechanism of mechanisms.filter(({ binds }) => !binds)) {
    for (const begun of [false, true]) {
      const dialogue = mechanism.start(context)
      if (begun) await dialogue.next()
      t.equal(await refused(dialogue, failure).catch(error => error), failure, mechanism.name)
    }
  }
  const deaf = async function* (): AsyncGenerator<string, void, string> {
    try {
      yield 'x'
    } catch {
      yield 'y'
    }
  }
  const dialogue = deaf()
  await dialogue.next()
  t.equal(await refused(dialogue, failure).catch(error => error), failure, 'one that would go on')
})

t.test('PLAIN, RFC 4616', async t => {
  t.equal(plain.plaintext, true)
  const say = async (username: string, password: string): Promise<unknown> => {
    const dialogue = plain.start({ credentials: async () => ({ username, password }), domain: 'x' })
    const { value } = await dialogue.next()
    t.match(await dialogue.next(''), { done: true })
    return value
  }
  t.equal(await say('tim', 'tanstaaftanstaaf'), '\0tim\0tanstaaftanstaaf')
  t.equal(await say('\u2168', 'p\u00e4ss w\u00f6rd\u00ad'), '\0IX\0p\u00e4ss w\u00f6rd')
  await rejects(t, say('tim\0', 'x'), { code: 'XMPP_SASLPREP' })
  const bare = plain.start({ credentials: async () => ({ username: 'tim', token: 'hush' }), domain: 'x' })
  await rejects(t, bare.next(), { name: 'SaslError', message: /PLAIN needs a password/ })
})

t.test('credentials are asked for once, when they are needed', async t => {
  let asked = 0
  const credentials = async () => {
    asked++
    return { username: 'u', password: 'p', token: 't' }
  }
  const binding = { type: 'tls-unique', data: Buffer.of(1) } as const
  for (const mechanism of mechanisms) {
    asked = 0
    const dialogue = mechanism.start({ credentials, domain: 'x', nonce: () => 'abc', binding })
    t.equal(asked, 0)
    await dialogue.next()
    const digest = mechanism.name === 'DIGEST-MD5'
    await dialogue.next(digest ? 'nonce="x",algorithm=md5-sess' : 'r=abcdef,s=c2FsdA==,i=1')
    t.equal(asked, mechanism.needs === 'nothing' ? 0 : 1, mechanism.name)
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
