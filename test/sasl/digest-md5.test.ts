import t from 'tap'
import { readDirectives } from '../../src/sasl/digest-directives.ts'
import { digestMd5, digestResponse } from '../../src/sasl/digest-md5.ts'
import type { Credentials } from '../../src/sasl/mechanism.ts'
import { cpuTime } from '../helper/cpu.ts'
import { rejects, throws } from '../helper/rejects.ts'

const CNONCE = 'OA6MHXh6VqTrRk'
const NONCE = 'OA6MG9tEQGm2hh'
const DOMAIN = 'im.example.com'
const juliet: Credentials = { username: 'juliet', password: 'r0m30myr0m30' }

const begin = (given = juliet, domain = DOMAIN) =>
  digestMd5.start({ credentials: async () => given, domain, nonce: () => CNONCE })

/** What we say to a challenge. */
async function respond(challenge: string, given = juliet): Promise<string> {
  const dialogue = begin(given)
  t.same(await dialogue.next(), { value: undefined, done: false }, 'the server speaks first')
  return `${(await dialogue.next(challenge)).value}`
}

t.test('RFC 2831 §4', async t => {
  const facts = {
    username: 'chris',
    realm: 'elwood.innosoft.com',
    password: 'secret',
    nonce: NONCE,
    cnonce: CNONCE,
    uri: 'imap/elwood.innosoft.com',
  }
  t.equal(digestResponse(facts), 'd388dad90d4bbd760a152321f2143af7')
  t.equal(digestResponse(facts, 'server'), 'ea40f60335c427b5527b84dbabcdfffd')
})

t.test('for XMPP, computed by another implementation, in Python', async t => {
  t.equal(digestMd5.plaintext, false)
  const rows: readonly (readonly [Credentials, realm: string, fields: string, response: string, rspauth: string])[] = [
    [
      juliet,
      `realm="${DOMAIN}",`,
      `charset=utf-8,username="juliet",realm="${DOMAIN}"`,
      'ddcfa20296ff53e97ef21c0193de2f95',
      '02e1fa8194c758f3d81610466c10e24a',
    ],
    [
      // What fits into ISO 8859-1 is hashed so, each by itself; quotes and backslashes are not part of what they quote.
      { username: 'jülia', password: 'pä€' },
      'realm="a \\"q\\" \\\\ realm",',
      'charset=utf-8,username="jülia",realm="a \\"q\\" \\\\ realm"',
      'efb1c9f580db696a210ca8f6f7d2d96b',
      'eb5e7fe6b55cf6c501145f54d9051636',
    ],
    [
      { username: 'user', password: 'pw' },
      '',
      'charset=utf-8,username="user"',
      '2f8ce8a95212ad8eec0ea2d2043a576f',
      'de296e14618aab481bc1f6557c1df4fa',
    ],
  ]
  for (const [given, realm, fields, response, rspauth] of rows) {
    const dialogue = begin(given)
    await dialogue.next()
    t.equal(
      (await dialogue.next(`${realm}nonce="${NONCE}",qop="auth",charset=utf-8,algorithm=md5-sess`)).value,
      `${fields},nonce="${NONCE}",nc=00000001,cnonce="${CNONCE}",digest-uri="xmpp/${DOMAIN}",response=${response},qop=auth`,
    )
    t.match(await dialogue.next(`rspauth=${rspauth}`), { value: undefined, done: true })
  }
})

const GOOD = `realm="${DOMAIN}",nonce="${NONCE}",qop="auth",charset=utf-8,algorithm=md5-sess`
const RESPONSE = 'response=ddcfa20296ff53e97ef21c0193de2f95'

t.test('a challenge written differently', async t => {
  for (const challenge of [
    GOOD,
    `realm=${DOMAIN},nonce="${NONCE}",qop=auth,charset="utf-8",algorithm="md5-sess"`,
    `REALM = "${DOMAIN}" ,\t nonce="${NONCE}",\r\n qop="auth",Charset=UTF-8,algorithm=md5-sess`,
    `,,realm="${DOMAIN}",,nonce="${NONCE}",charset=utf-8,algorithm=md5-sess, ,`,
    `${GOOD},stale=true,maxbuf=65536,cipher="des,3des",x-unknown="a,b=\\"c\\"",x-unknown=d`,
    GOOD.replace('qop="auth"', 'qop="auth-conf, auth,auth-int"'),
    GOOD.replace('realm=', 'realm="elsewhere",realm=').replace('nonce', 'realm="another",nonce'),
    GOOD.replace(DOMAIN, DOMAIN.toUpperCase()).replace('nonce', `realm="${DOMAIN}x",nonce`),
  ]) {
    const said = await respond(challenge)
    if (challenge.includes(DOMAIN.toUpperCase())) t.match(said, `realm="${DOMAIN.toUpperCase()}"`)
    else t.match(said, RESPONSE, challenge)
  }
  t.match(
    await respond(GOOD.replace(DOMAIN, 'first.example').replace('nonce', 'realm="second",nonce')),
    'first.example',
  )
  t.notMatch(await respond(GOOD.replace(/realm="[^"]*",/, '')), /realm/, 'none given, none said')
})

t.test('words of the specification are the same in capitals', async t => {
  const loud = GOOD.replace('md5-sess', 'MD5-sess').replace('qop="auth"', 'qop="AUTH,auth-int"')
  t.match(await respond(loud), RESPONSE)
})

t.test('a challenge that is refused', async t => {
  const rows: readonly (readonly [challenge: string, message: RegExp])[] = [
    ['', /no nonce/],
    [GOOD.replace(/nonce="[^"]*",/, ''), /no nonce/],
    [GOOD.replace(NONCE, ''), /no nonce/],
    [`${GOOD},nonce="other"`, /nonce is given twice/],
    [`${GOOD},qop="auth"`, /qop is given twice/],
    [`${GOOD},charset=utf-8`, /charset is given twice/],
    [`${GOOD},algorithm=md5-sess`, /algorithm is given twice/],
    [`${GOOD},maxbuf=1,maxbuf=1`, /maxbuf is given twice/],
    [`${GOOD},stale=true,stale=true`, /stale is given twice/],
    [GOOD.replace(',algorithm=md5-sess', ''), /not for md5-sess/],
    [GOOD.replace('md5-sess', 'md5'), /not for md5-sess/],
    [GOOD.replace('qop="auth"', 'qop="auth-int,auth-conf"'), /security layer/],
    [GOOD.replace('qop="auth"', 'qop=""'), /security layer/],
    [GOOD.replace('utf-8', 'koi8-r'), /unknown charset/],
    [`${GOOD},x="${'y'.repeat(4096)}"`, /too long/],
    [`${GOOD} x=y`, /no comma/],
    [`${GOOD},x`, /no directive/],
    [`${GOOD},x=`, /no directive/],
    [`${GOOD},=y`, /no directive/],
    [`${GOOD},x="y`, /no directive/],
    [`${GOOD},x="y\\"`, /no directive/],
    [`${GOOD},x="a\0b"`, /no directive/],
    [`${GOOD},x="a\nb"`, /no directive/],
    [`${GOOD};x=y`, /no directive|no comma/],
    ['rspauth=02e1fa8194c758f3d81610466c10e24a', /no nonce/],
    ['r=abc,s=c2FsdA==,i=4096', /no nonce|no directive|no comma/],
  ]
  for (const [challenge, message] of rows) {
    await rejects(t, respond(challenge), { name: 'SaslError', message }, challenge.slice(0, 150))
  }
})

t.test('the server has to prove itself', async t => {
  const last = async (message: string): Promise<unknown> => {
    const dialogue = begin()
    await dialogue.next()
    await dialogue.next(GOOD)
    return dialogue.next(message)
  }
  t.match(await last('rspauth=02e1fa8194c758f3d81610466c10e24a'), { done: true })
  t.match(await last('rspauth="02e1fa8194c758f3d81610466c10e24a",x=y'), { done: true })
  for (const message of [
    '', // a success without any
    'rspauth=',
    'rspauth=""',
    'rspauth=ddcfa20296ff53e97ef21c0193de2f95', // our own response
    'rspauth=02e1fa8194c758f3d81610466c10e24b',
    'rspauth=02e1fa8194c758f3d81610466c10e24',
    'rspauth=02E1FA8194C758F3D81610466C10E24A',
    'rspauth=02e1fa8194c758f3d81610466c10e24a,rspauth=02e1fa8194c758f3d81610466c10e24a',
    '02e1fa8194c758f3d81610466c10e24a',
    GOOD,
  ]) {
    await rejects(t, last(message), { name: 'SaslError' }, message)
  }
  const early = begin()
  await early.next()
  await rejects(t, early.next(''), { name: 'SaslError' }, 'a success instead of a challenge')
})

t.test('without charset=utf-8', async t => {
  const plain = GOOD.replace('charset=utf-8,', '')
  const said = await respond(plain)
  t.notMatch(said, /charset/)
  t.match(said, RESPONSE)
  t.match(await respond(plain, { username: 'user', password: 'pä' }), /response=/, 'a password is only hashed')
  for (const given of [
    { username: 'jülia', password: 'hush-hush' },
    { username: 'juliet', password: 'hush-hush€' },
  ]) {
    const error = await respond(plain, given).catch(error => error)
    t.match(error, { name: 'SaslError', message: /charset/ })
    t.notMatch(`${error.message}`, /hush/)
  }
  await rejects(t, respond(plain.replace(DOMAIN, 'bücher.example')), { message: /charset/ })
})

t.test('who has no password gets no challenge answered', async t => {
  await rejects(t, begin({ username: 'juliet', token: 'hush' }).next(), { message: /DIGEST-MD5 needs a password/ })
})

t.test('nonces of our own are never the same', async t => {
  const nonces = new Set<string | undefined>()
  for (let n = 0; n < 50; n++) {
    const dialogue = digestMd5.start({ credentials: async () => juliet, domain: DOMAIN })
    await dialogue.next()
    nonces.add(/cnonce="([!-+\--~]{24,})"/.exec(`${(await dialogue.next(GOOD)).value}`)?.[1])
  }
  t.equal(nonces.size, 50)
  t.notOk(nonces.has(undefined))
})

t.test('a list of directives costs what its length is', async t => {
  const start = cpuTime()
  for (const text of [
    'a="'.repeat(1300),
    '\\'.repeat(4000),
    `x="${'\\"'.repeat(2000)}`,
    ','.repeat(4000),
    'a'.repeat(4000),
  ]) {
    try {
      readDirectives(text, 'a')
    } catch {
      // Most are refused; how long it takes is what counts.
    }
  }
  t.ok(cpuTime() - start < 200)
  t.strictSame(readDirectives('a="\\\\\\"b\u{1f339}",C=d', 'a'), [
    ['a', '\\"b\u{1f339}'],
    ['c', 'd'],
  ])
  throws(t, () => readDirectives('a', "the client's"), { condition: 'malformed-request', message: /the client's/ })
})
