import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import t from 'tap'
import type { ChannelBinding } from '../../src/sasl/channel-binding.ts'
import type { Mechanism, SaslContext } from '../../src/sasl/mechanism.ts'
import {
  MAX_ITERATIONS,
  scramSha1,
  scramSha1Plus,
  scramSha256,
  scramSha256Plus,
  scramSha512,
  scramSha512Plus,
} from '../../src/sasl/scram.ts'
import { cpuTime } from '../helper/cpu.ts'
import { rejects } from '../helper/rejects.ts'

const begin = (
  mechanism: Mechanism,
  username: string,
  password: string,
  nonce: string,
  more: Partial<SaslContext> = {},
) =>
  mechanism.start({
    credentials: async () => ({ username, password }),
    domain: 'im.example.com',
    nonce: () => nonce,
    ...more,
  })

t.test('RFC 5802 §5', async t => {
  const dialogue = begin(scramSha1, 'user', 'pencil', 'fyko+d2lbbFgONRv9qkxdawL')
  t.same(await dialogue.next(), { value: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL', done: false })
  t.same(await dialogue.next('r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096'), {
    value: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    done: false,
  })
  t.same(await dialogue.next('v=rmF9pqV8S7suAoZWja4dJRkFsKQ='), { value: undefined, done: true })
})

t.test('RFC 7677 §3', async t => {
  const dialogue = begin(scramSha256, 'user', 'pencil', 'rOprNGfwEbeRWgbNEkqO')
  t.equal((await dialogue.next()).value, 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
  t.equal(
    (await dialogue.next('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'))
      .value,
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  )
  t.match(await dialogue.next('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='), { done: true })
})

t.test('by another implementation, in Python', async t => {
  const sha512 = 'rOprNGfwEbeRWgbNEkqO02431b08-2f0c-4bad-a4e6-80c0acb6fb65'
  const sha256 = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
  const rows: readonly {
    readonly mechanism: Mechanism
    readonly binding?: ChannelBinding
    readonly nonce: string
    readonly first: string
    readonly challenge: string
    readonly final: string
    readonly proof: string
  }[] = [
    {
      mechanism: scramSha512,
      nonce: 'rOprNGfwEbeRWgbNEkqO',
      first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      challenge: `r=${sha512},s=Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=,i=4096`,
      final: `c=biws,r=${sha512},p=XITgK8szuZWaCwstnAgat5xfo1Zr7V3i+cDy30Daxqy2oNPuQgkYtdfPPyOEx6gg2A355h+w/dzmmjqlzUKhGw==`,
      proof: 'v=XP6TX3i/nHFMRDEgWv061dPV5iqd1QkVXVoqrVRvrhRJTkAu+GSgZlVc5GCuHcTFhmoMkMyBPvIltb4jC3z40A==',
    },
    {
      mechanism: scramSha1Plus,
      binding: { type: 'tls-unique', data: Buffer.of(0, 1, 2, 3, 4) },
      nonce: 'fyko+d2lbbFgONRv9qkxdawL',
      first: 'p=tls-unique,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
      challenge: 'r=fyko+d2lbbFgONRv9qkxdawL16090868851744577,s=QSXCR+Q6sek8bf92,i=4096',
      final:
        'c=cD10bHMtdW5pcXVlLCwAAQIDBA==,r=fyko+d2lbbFgONRv9qkxdawL16090868851744577,p=kD6Wfe1kGICYN08YH7oONG2Enb0=',
      proof: 'v=QI0Ihj/QJv+VSyezLtd/d5PrYy0=',
    },
    {
      mechanism: scramSha256Plus,
      binding: { type: 'tls-exporter', data: Buffer.from(Array.from({ length: 32 }, (_, n) => 224 + n)) },
      nonce: 'rOprNGfwEbeRWgbNEkqO',
      first: 'p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      challenge: `r=${sha256},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
      final: `c=cD10bHMtZXhwb3J0ZXIsLODh4uPk5ebn6Onq6+zt7u/w8fLz9PX29/j5+vv8/f7/,r=${sha256},p=wJpl3wTx3voE8HwHXGtxyeJ+dUTOeC1xXt4rHhEKOaA=`,
      proof: 'v=KGvhaul0dmFf7wwGFM3h1VNv0kW/H4cbOJTYCwdl7C0=',
    },
    {
      mechanism: scramSha512Plus,
      binding: { type: 'tls-server-end-point', data: Buffer.from(Array.from({ length: 32 }, (_, n) => 200 + n)) },
      nonce: 'rOprNGfwEbeRWgbNEkqO',
      first: 'p=tls-server-end-point,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      challenge: `r=${sha512},s=Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=,i=4096`,
      final: `c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsyMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5uc=,r=${sha512},p=Mtiwb3GwNMa6xPNRE2MniZPygBWS4Z09D+lI+LHoO3DGvPfyTA3QqDZ6DD75VXZHMBOS4qPIVBpQ/bCNOu6I3A==`,
      proof: 'v=LJvg+sicSvr+Z0h/Be61KnGYpgJ7l4l+c2+07ybnTeOZNM0jyOHr0G0wrRTxZpU4Q1zngAAl9ae748OX+jhgjQ==',
    },
  ]
  for (const { mechanism, binding, nonce, first, challenge, final, proof } of rows) {
    const dialogue = begin(mechanism, 'user', 'pencil', nonce, { binding })
    t.equal((await dialogue.next()).value, first)
    t.equal((await dialogue.next(challenge)).value, final)
    t.match(await dialogue.next(proof), { done: true }, mechanism.name)
  }
})

t.test('channel binding: what the mechanism says of it', async t => {
  const binding: ChannelBinding = { type: 'tls-exporter', data: Buffer.alloc(32, 7) }
  for (const mechanism of [scramSha1Plus, scramSha256Plus, scramSha512Plus]) {
    t.equal(mechanism.binds, true)
    t.match(mechanism.name, /-PLUS$/)
    await rejects(t, begin(mechanism, 'user', 'pencil', 'abc').next(), { condition: 'aborted', message: /channel/ })
  }
  const said = async (mechanism: Mechanism, more: Partial<SaslContext>): Promise<unknown> =>
    (await begin(mechanism, 'user', 'pencil', 'abc', more).next()).value
  t.equal(await said(scramSha1, {}), 'n,,n=user,r=abc')
  t.equal(await said(scramSha1, { couldBind: false }), 'n,,n=user,r=abc')
  t.equal(await said(scramSha1, { couldBind: true }), 'y,,n=user,r=abc')
  t.equal(await said(scramSha1, { binding }), 'n,,n=user,r=abc', 'one without -PLUS does not bind')
  t.equal(await said(scramSha1Plus, { binding, couldBind: true }), 'p=tls-exporter,,n=user,r=abc')
  const dialogue = begin(scramSha1, 'user', 'pencil', 'abc', { couldBind: true })
  await dialogue.next()
  t.match((await dialogue.next('r=abcdef,s=c2FsdA==,i=1')).value, /^c=eSws,r=abcdef,p=/, 'the flag is repeated')
})

t.test('without a password', async t => {
  const credentials = async () => ({ username: 'user', token: 'hush' })
  await rejects(t, begin(scramSha1, '', '', 'abc', { credentials }).next(), {
    name: 'SaslError',
    message: /SCRAM-SHA-1 needs a password/,
  })
})

/** SCRAM's server and client side once more, written from RFC 5802 §3 without a look at ours. */
function independent(hash: 'sha1' | 'sha256' | 'sha512', password: string, salt: Buffer, i: number, auth: string) {
  const length = { sha1: 20, sha256: 32, sha512: 64 }[hash]
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text, 'utf8').digest()
  const salted = pbkdf2Sync(Buffer.from(password, 'utf8'), salt, i, length, hash)
  const clientKey = hmac(salted, 'Client Key')
  const signature = hmac(createHash(hash).update(clientKey).digest(), auth)
  const proof = Buffer.alloc(length)
  for (let at = 0; at < length; at++) proof[at] = (clientKey[at] as number) ^ (signature[at] as number)
  return { proof: proof.toString('base64'), verifier: hmac(hmac(salted, 'Server Key'), auth).toString('base64') }
}

for (const [mechanism, hash] of [
  [scramSha1, 'sha1'],
  [scramSha256, 'sha256'],
  [scramSha512, 'sha512'],
] as const) {
  t.test(`${mechanism.name}, computed independently`, async t => {
    t.equal(mechanism.plaintext, false)
    // One iteration too, and passwords that are longer than the hash's block or need SASLprep.
    for (const [password, prepared, i] of [
      ['pencil', 'pencil', 4096],
      ['x'.repeat(300), 'x'.repeat(300), 1],
      ['I\u00adX \u2168', 'IX IX', 1000],
    ] as const) {
      const salt = Buffer.from([0, 255, 1, 254, 2])
      const dialogue = begin(mechanism, 'us=er,\u00aa', password, 'abc')
      t.equal((await dialogue.next()).value, 'n,,n=us=3Der=2Ca,r=abc', 'the name is prepared, then escaped')
      const first = `r=abcdef,s=${salt.toString('base64')},i=${i}`
      const auth = `n=us=3Der=2Ca,r=abc,${first},c=biws,r=abcdef`
      const { proof, verifier } = independent(hash, prepared, salt, i, auth)
      t.equal((await dialogue.next(first)).value, `c=biws,r=abcdef,p=${proof}`)
      t.match(await dialogue.next(`v=${verifier},x=extension`), { done: true })
    }
  })
}

async function answer(serverFirst: string, nonce = 'abc'): Promise<IteratorResult<string | undefined, void>> {
  const dialogue = begin(scramSha1, 'user', 'pencil', nonce)
  await dialogue.next()
  return dialogue.next(serverFirst)
}

const aborted = { name: 'SaslError', code: 'XMPP_SASL_FAILURE', condition: 'aborted' }

t.test("a server's first message that is malformed", async t => {
  for (const message of [
    '',
    'r=abcdef',
    'r=abcdef,s=c2FsdA==',
    's=c2FsdA==,i=4096',
    'r=abcdef,i=4096,s=c2FsdA==',
    's=c2FsdA==,r=abcdef,i=4096',
    'r=abcdef,s=,i=4096',
    'r=,s=c2FsdA==,i=4096',
    'r=abc def,s=c2FsdA==,i=4096',
    'r=abcd\u00e9f,s=c2FsdA==,i=4096',
    'r=abcdef,s=c2F*dA==,i=4096',
    'r=abcdef,s=c2FsdA===,i=4096',
    'r=abcdef,s=A,i=4096',
    'r=abcdef,s=QQ,i=4096',
    'r=abcdef,s=QUI,i=4096',
    'r=abcdef,s=QR==,i=4096',
    'r=abcdef,s==,i=4096',
    'r=abcdef,s=c2FsdA==,i=',
    'r=abcdef,s=c2FsdA==,i=-1',
    'r=abcdef,s=c2FsdA==,i=1.5',
    'r=abcdef,s=c2FsdA==,i=1e3',
    'r=abcdef,s=c2FsdA==,i=0x10',
    'r=abcdef,s=c2FsdA==,i=04096',
    'r=abcdef,s=c2FsdA==,i= 4096',
    'r=abcdef,s=c2FsdA==,i=4096,',
    'r=abcdef,s=c2FsdA==,i=4096,x',
    'r=abcdef,s=c2FsdA==,i=4096 ',
    'r=abcdef,s=c2FsdA==,i=4096\n',
    ' r=abcdef,s=c2FsdA==,i=4096',
    'R=abcdef,s=c2FsdA==,i=4096',
    'r=abcdef,r=abcdef,s=c2FsdA==,i=4096',
    'r=abcdef,s=c2FsdA==,i=4096,i=1',
    'r=abcdef,s=c2FsdA==,i=4096,x=y,s=c2FsdA==',
    'r=abcdef,s=c2FsdA==,i=4096,e=unknown-user',
    'r=abcdef,s=c2FsdA==,i=4096,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    'n,,n=user,r=abc',
  ]) {
    await rejects(t, answer(message), aborted, JSON.stringify(message))
  }
})

t.test('extensions: unknown ones are ignored, mandatory ones refused wherever they stand (RFC 5802 §5.1)', async t => {
  t.match(await answer('r=abcdef,s=c2FsdA==,i=1,x=y,Z=anything at all = here'), { done: false })
  await rejects(t, answer('m=ext,r=abcdef,s=c2FsdA==,i=4096'), aborted)
  await rejects(t, answer('r=abcdef,s=c2FsdA==,i=4096,m=ext'), aborted)
  await rejects(t, answer('r=abcdef,s=c2FsdA==,i=4096,x=y,m=ext'), aborted)
})

t.test('iterations', async t => {
  t.equal(MAX_ITERATIONS, 1_000_000)
  t.match(await answer('r=abcdef,s=c2FsdA==,i=1'), { done: false })
  t.match(await answer('r=abcdef,s=c2FsdA==,i=1000000'), { done: false })
  const start = cpuTime()
  for (const i of ['0', '1000001', '4294967296', '9999999999', '99999999999999999999']) {
    await rejects(t, answer(`r=abcdef,s=c2FsdA==,i=${i}`), { ...aborted, message: /which are to be 1 to 1000000/ }, i)
  }
  t.ok(cpuTime() - start < 500, 'refused, not computed')
})

t.test('the nonce has to begin with ours and go on', async t => {
  for (const nonce of ['abc', 'ab', 'abd', 'xabcdef', 'ABCdef', 'def']) {
    await rejects(t, answer(`r=${nonce},s=c2FsdA==,i=4096`), { ...aborted, message: /nonce/ }, nonce)
  }
})

t.test("the server's last message", async t => {
  const last = async (message: string): Promise<unknown> => {
    const dialogue = begin(scramSha1, 'user', 'pencil', 'fyko+d2lbbFgONRv9qkxdawL')
    await dialogue.next()
    await dialogue.next('r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096')
    return dialogue.next(message)
  }
  t.match(await last('v=rmF9pqV8S7suAoZWja4dJRkFsKQ='), { done: true })
  for (const message of [
    '',
    'v=',
    'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    'v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=',
    'v=rmF9pqV8S7suAoZWja4dJRkFsKR=A',
    'v=rmF9pqV8S7suAoZWja4dJRkFsA==',
    'v=rmF9pqV8S7suAoZWja4dJRkFsKQArmF9',
    'V=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    'x=y,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
  ]) {
    await rejects(t, last(message), aborted, JSON.stringify(message))
  }
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['e=invalid-proof', /invalid-proof: the password is wrong$/],
    ['e=channel-bindings-dont-match', /someone stands in between/],
    ['e=server-does-support-channel-binding', /someone on the way has changed it/],
    ['e=other-error,x=y', /the server says other-error$/],
    ['e=constructor', /the server says constructor$/],
    ['e=\x1b[2J\nall is well', /says \\x1b\[2J\\x0aall is well$/],
    [`e=${'x'.repeat(10_000)}`, /^.{1,200}$/],
  ]
  for (const [message, words] of refusals) {
    const wanted = { name: 'SaslError', condition: 'not-authorized', message: words }
    await rejects(t, last(message), wanted, message.slice(0, 50))
    await rejects(t, answer(message), wanted, 'as its first message too')
  }
})

t.test('nonces of our own are long, printable, without comma, and never the same', async t => {
  const nonces = new Set<string>()
  for (let n = 0; n < 100; n++) {
    const dialogue = scramSha1.start({ credentials: async () => ({ username: 'u', password: 'p' }), domain: 'x' })
    const nonce = /^n,,n=u,r=([!-+\--~]{24,})$/.exec(`${(await dialogue.next()).value}`)?.[1]
    nonces.add(nonce ?? '')
  }
  t.equal(nonces.size, 100)
  t.notOk(nonces.has(''))
})

t.test('the key derivation does not hold up the event loop', async t => {
  let turns = 0
  let going = true
  const spin = (): void => {
    turns++
    if (going) setImmediate(spin)
  }
  spin()
  await answer('r=abcdef,s=c2FsdA==,i=300000')
  going = false
  t.ok(turns > 50, `${turns} turns meanwhile`)
})

t.test('a password that may not be is an error of its own, and is not shown', async t => {
  await rejects(t, begin(scramSha1, 'us\u0007er', 'pencil', 'x').next(), {
    code: 'XMPP_SASLPREP',
    message: /user name/,
  })
  await rejects(t, begin(scramSha1, '', 'pencil', 'x').next(), { code: 'XMPP_SASLPREP', message: /user name is empty/ })
  const dialogue = begin(scramSha1, 'user', 'secret\u0007word', 'abc')
  await dialogue.next()
  const error = await dialogue.next('r=abcdef,s=c2FsdA==,i=1').catch(error => error)
  t.match(error, { code: 'XMPP_SASLPREP', message: /password/ })
  t.notMatch(`${error.message}${error.cause?.message ?? ''}`, /secret/)
})
