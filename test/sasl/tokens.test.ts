import t from 'tap'
import { SaslError } from '../../src/errors.ts'
import { anonymous, external, type Mechanism, oauthbearer, refused, xOauth2 } from '../../src/sasl/index.ts'
import { el } from '../../src/stream/element.ts'
import { rejects } from '../helper/rejects.ts'

const TOKEN = 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=='

const begin = (
  mechanism: Mechanism,
  username = 'user',
  token: string | undefined = TOKEN,
  domain = 'server.example.com',
) => mechanism.start({ credentials: async () => ({ username, token }), domain })

t.test('OAUTHBEARER, RFC 7628 §4.1', async t => {
  const dialogue = begin(oauthbearer)
  t.equal(
    (await dialogue.next()).value,
    // The example's port is left out (§3.1).
    `n,a=user@server.example.com,\x01auth=Bearer ${TOKEN}\x01host=server.example.com\x01\x01`,
  )
  t.match(await dialogue.next(''), { done: true })
  const odd = begin(oauthbearer, 'us=er,\u00aa')
  t.match((await odd.next()).value, /^n,a=us=3Der=2Ca@server/, 'the name is prepared, then escaped')
})

/** What comes out when the server fails a login after this challenge. */
async function failed(challenge: string, mechanism = oauthbearer): Promise<unknown> {
  const dialogue = begin(mechanism)
  await dialogue.next()
  t.equal((await dialogue.next(challenge)).value, '\x01', 'taken note of (§3.2.3)')
  return refused(dialogue, new SaslError('not-authorized', 'go away')).catch(error => error)
}

t.test('OAUTHBEARER refused, RFC 7628 §4.3', async t => {
  const rows: readonly (readonly [json: string, message: RegExp])[] = [
    [
      '{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://x/"}',
      /says invalid_token: the token has expired/,
    ],
    ['{"status":"insufficient_scope"}', /says insufficient_scope: the token does not allow XMPP$/],
    ['{"status":"401","schemes":"bearer mac"}', /says 401$/],
    ['{"status":"constructor"}', /says constructor$/],
    ['{"status":"\\u001b[2J\\n"}', /says \\x1b\[2J\\x0a$/],
    [`{"status":"we do not like ${TOKEN}"}`, /says we do not like \[masked\]$/],
    [`{"status":"${'x'.repeat(100_000)}"}`, /^.{1,200}$/],
    ['{"status":""}', /without a status/],
    ['{"status":{"toString":1}}', /without a status/],
    ['{}', /without a status/],
    ['null', /without a status/],
    ['[]', /without a status/],
    ['"invalid_token"', /without a status/],
    ['no JSON', /without a status/],
    ['{"status":"invalid_token"', /without a status/],
  ]
  for (const [json, message] of rows) {
    t.match(await failed(json), { name: 'SaslError', condition: 'not-authorized', message }, json.slice(0, 80))
  }
})

t.test('OAUTHBEARER: a server that says why not, and then goes on', async t => {
  for (const message of ['', '{"status":"invalid_token"}']) {
    const dialogue = begin(oauthbearer)
    await dialogue.next()
    await dialogue.next('{"status":"invalid_token"}')
    await rejects(t, dialogue.next(message), { name: 'SaslError', condition: 'aborted' })
  }
  const dialogue = begin(oauthbearer)
  await dialogue.next()
  await dialogue.next('{}')
  const gone = new Error('connection lost')
  t.equal(await dialogue.throw(gone).catch(error => error), gone, 'what is no failure of SASL stays what it is')
})

t.test("X-OAUTH2, Google's", async t => {
  const dialogue = begin(xOauth2, 'someone')
  t.equal((await dialogue.next()).value, `\0someone\0${TOKEN}`)
  t.match(await dialogue.next(''), { done: true })
  t.equal(
    el('auth', 'urn:ietf:params:xml:ns:xmpp-sasl', { mechanism: xOauth2.name, ...xOauth2.attrs }, 'x').toString(),
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='X-OAUTH2' xmlns:auth='http://www.google.com/talk/protocol/auth' auth:service='oauth2'>x</auth>",
  )
})

t.test('tokens that are none are not sent, and not shown', async t => {
  for (const mechanism of [oauthbearer, xOauth2]) {
    t.strictSame([mechanism.plaintext, mechanism.needs], [true, 'token'])
    for (const token of ['', 'hush\x01host=elsewhere', 'hush\0', 'hush hush', 'hush\n', 'hüsh-hush']) {
      const error = await begin(mechanism, 'user', token)
        .next()
        .catch(error => error)
      t.match(error, { name: 'SaslError', condition: 'aborted', message: /token/ })
      t.notMatch(`${error.message}`, /hush/)
    }
    const bare = mechanism.start({ credentials: async () => ({ username: 'u', password: 'hush' }), domain: 'x' })
    await rejects(t, bare.next(), { message: new RegExp(`${mechanism.name} needs an OAuth access token`) })
  }
})

t.test('EXTERNAL names the account, ANONYMOUS nobody, and both at once', async t => {
  const said: [mechanism: Mechanism, needs: string, username: string, first: string][] = [
    [external, 'certificate', 'juliet', 'juliet@example.com'],
    [external, 'certificate', '', ''],
    [anonymous, 'nothing', '', ''],
  ]
  for (const [mechanism, needs, username, first] of said) {
    t.strictSame([mechanism.plaintext, mechanism.needs], [false, needs])
    const dialogue = mechanism.start({ credentials: async () => ({ username }), domain: 'example.com' })
    t.same(await dialogue.next(), { value: first, done: false })
    t.match(await dialogue.next(''), { done: true })
  }
})
