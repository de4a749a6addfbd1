import { once } from 'node:events'
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { LONGEST_ANSWER, REQUEST_TIMEOUT } from '../../src/account/oauth-request.ts'
import { GOOGLE_TOKEN_URL, type TokenSourceOptions, tokenSource } from '../../src/account/oauth-token.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { HandClock } from '../helper/clock.ts'
import { forms } from '../helper/forms.ts'
import { listen } from '../helper/listen.ts'
import { rejects, throws } from '../helper/rejects.ts'

const client = { clientId: 'the-client', clientSecret: 'se-cr-et/+&=', refreshToken: '1//refresh&me' }

type Reply = string | ((response: ServerResponse, request: IncomingMessage) => void)

/** A token endpoint that gives these answers one after the other, the last one for ever, and remembers what it was asked. */
async function endpoint(t: Test, ...replies: Reply[]) {
  const asked: { readonly form: URLSearchParams; readonly request: IncomingMessage }[] = []
  const serve: RequestListener = (request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      asked.push({ form: new URLSearchParams(body), request })
      const reply = replies.length > 1 ? replies.shift() : replies[0]
      if (typeof reply === 'string') response.setHeader('content-type', 'application/json').end(reply)
      else reply?.(response, request)
    })
  }
  const server = createHttp(serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const clock = new HandClock()
  const url = `http://127.0.0.1:${port}/token?tenant=hush`
  const source = (more: Partial<TokenSourceOptions> = {}) => tokenSource({ url, ...client, clock, ...more })
  return { asked, clock, source, port, url }
}

const grant = (fields: Record<string, unknown> = {}): string =>
  JSON.stringify({ access_token: 'ya29.one', token_type: 'Bearer', expires_in: 3600, ...fields })
const failure =
  (status: number, body: string, headers: Record<string, string> = {}): Reply =>
  response =>
    void response.writeHead(status, headers).end(body)

/** Nothing that was thrown shows what is secret, however it is printed. */
function tellsNothing(t: Test, error: unknown): void {
  t.notMatch(`${inspect(error, { depth: 10 })}`, /se-cr-et|refresh&me|refresh%26me|ya29|hush/)
}

t.test('a refresh grant, RFC 6749 §6', async t => {
  const { asked, source, clock } = await endpoint(t, grant())
  t.equal(await source().token(), 'ya29.one')
  const [{ form, request } = t.fail() as never] = asked
  t.strictSame(Object.fromEntries(form), {
    grant_type: 'refresh_token',
    refresh_token: client.refreshToken,
    client_id: client.clientId,
    client_secret: client.clientSecret,
  })
  t.match(request, { method: 'POST', url: '/token?tenant=hush', headers: { accept: 'application/json' } })
  t.match(request.headers, { 'content-type': 'application/x-www-form-urlencoded', connection: 'close' })
  t.equal(clock.pending, 0)
})

t.test('a token is kept until it is about to expire', async t => {
  const { asked, source, clock } = await endpoint(t, grant(), grant({ access_token: 'ya29.two' }))
  const { token } = source()
  t.equal(await token(), 'ya29.one')
  clock.skip(3_539_000)
  t.equal(await token(), 'ya29.one')
  t.equal(asked.length, 1)
  clock.skip(2000)
  t.equal(await token(), 'ya29.two', 'a minute before its end')
  t.equal(asked.length, 2)
})

t.test('how long it is good for', async t => {
  for (const [expires, ms] of [
    [100, 50_000],
    ['3600', 3_540_000],
    [undefined, 3_540_000],
    ['soon', 3_540_000],
    ['', 3_540_000],
    [-5, 3_540_000],
    [null, 3_540_000],
    [0, 0],
    [1e300, 1e15],
  ] as const) {
    const { asked, source, clock } = await endpoint(t, grant({ expires_in: expires }))
    const { token } = source()
    await token()
    if (ms > 0) {
      clock.skip(ms - 1)
      await token()
    }
    t.equal(asked.length, 1, `${expires}`)
    clock.skip(2)
    await token()
    t.equal(asked.length, ms === 1e15 ? 1 : 2, `${expires}`)
  }
})

t.test('one request for all who ask', async t => {
  const waiting: ServerResponse[] = []
  const { asked, source } = await endpoint(t, response => void waiting.push(response))
  const { token } = source()
  const all = [token(), token(), token('ya29.zero')]
  while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
  all.push(token())
  waiting[0]?.end(grant())
  t.strictSame(await Promise.all(all), ['ya29.one', 'ya29.one', 'ya29.one', 'ya29.one'])
  t.equal(asked.length, 1)
})

t.test('a token that was refused is dropped', async t => {
  const { asked, source } = await endpoint(t, grant(), grant({ access_token: 'ya29.two' }), grant())
  const tokens = source()
  t.equal(await tokens.token(), 'ya29.one')
  t.equal(await tokens.token('ya29.other'), 'ya29.one', 'not for another one')
  t.equal(await tokens.token('ya29.one'), 'ya29.two')
  t.equal(await tokens.token('ya29.one'), 'ya29.two', 'not twice')
  t.equal(await tokens.token(), 'ya29.two')
  t.equal(await tokens.token('ya29.two'), 'ya29.one')
  t.equal(asked.length, 3)
})

t.test('a new refresh token takes the place of the old one', async t => {
  const long = 'x'.repeat(20_000)
  const answers = ['next', 'bad one\n', 'next', long].map(refresh_token => grant({ refresh_token }))
  const { asked, source } = await endpoint(t, ...answers, grant())
  const replaced: string[] = []
  const { token } = source({ onReplaced: token => replaced.push(token) })
  for (let n = 0; n < 5; n++) await token('ya29.one')
  t.strictSame(
    asked.map(({ form }) => form.get('refresh_token')),
    [client.refreshToken, 'next', 'next', 'next', long],
  )
  t.strictSame(replaced, ['next', long])
})

t.test('after a failure the next one who asks tries again', async t => {
  const { source } = await endpoint(t, failure(503, 'busy'), grant())
  const { token } = source()
  await rejects(t, Promise.all([token(), token()]), { code: 'XMPP_OAUTH' })
  t.equal(await token(), 'ya29.one')
})

t.test('what the endpoint refuses', async t => {
  const json = (fields: Record<string, unknown>): string => JSON.stringify(fields)
  const echo = `no ${client.clientSecret}, no ${encodeURIComponent(client.clientSecret)}, no ${client.refreshToken}!`
  const rows: readonly (readonly [Reply, condition: string | undefined, message: RegExp])[] = [
    [
      failure(400, json({ error: 'invalid_grant', error_description: 'Token has been expired or revoked.' })),
      'invalid_grant',
      /no token from 127\.0\.0\.1:\d+: invalid_grant: the refresh token was revoked.*get a new one \(it says: Token has been expired or revoked\.\)$/,
    ],
    [failure(401, json({ error: 'invalid_client' })), 'invalid_client', /check the client id/],
    [failure(400, json({ error: 'unsupported_grant_type' })), 'unsupported_grant_type', /is the token URL right/],
    [failure(400, json({ error: 'constructor' })), 'constructor', /: constructor$/],
    [json({ error: 'invalid_grant', access_token: 'ya29.one' }), 'invalid_grant', /revoked/],
    [
      failure(400, json({ error: 'invalid_grant', error_description: echo })),
      'invalid_grant',
      /says: no \[masked\], no \[masked\], no \[masked\]!\)$/,
    ],
    [failure(400, json({ error: client.refreshToken })), '[masked]', /: \[masked\]$/],
    [
      grant({ error: 'odd', error_description: 'issued ya29.one and rt-hush', refresh_token: 'rt-hush' }),
      'odd',
      /says: issued \[masked\] and \[masked\]\)$/,
    ],
    [grant({ error: 'odd', error_description: 'x', access_token: ['ya29'] }), 'odd', /says: x\)$/],
    [
      failure(400, json({ error: 'e', error_description: `not Basic ${btoa(`id:${client.clientSecret}`)}` })),
      'e',
      /says: not Basic \[masked\]\)$/,
    ],
    [
      failure(400, json({ error: 'x'.repeat(5000), error_description: 'y'.repeat(5000) })),
      'x'.repeat(100),
      /^.{1,600}$/,
    ],
    [
      failure(400, json({ error: 'a\u001b[2J', error_description: '\nall is well' })),
      'a\\x1b[2J',
      /a\\x1b\[2J \(it says: \\x0aall is well\)$/,
    ],
    [
      failure(400, json({ error: 'e', error_description: `${'z'.repeat(290)}${client.clientSecret}` })),
      'e',
      /z\[masked\]\)$/,
    ],
    [failure(400, json({ error: { toString: 1 } })), undefined, /HTTP status 400/],
    [failure(404, '<h1>ya29 se-cr-et</h1>'), undefined, /HTTP status 404: is the token URL right\?$/],
    [failure(429, ''), undefined, /asked too often/],
    [failure(500, ''), undefined, /HTTP status 500$/],
    [failure(204, ''), undefined, /HTTP status 204$/],
    [
      failure(302, '', { location: 'http://127.0.0.1:1/hush' }),
      undefined,
      /HTTP status 302, a redirection, and secrets are not sent elsewhere/,
    ],
    [failure(307, grant(), { location: '/hush' }), undefined, /HTTP status 307/],
    ['', undefined, /not an object in JSON/],
    ['ya29.one', undefined, /not an object in JSON/],
    ['null', undefined, /not an object in JSON/],
    ['["ya29.one"]', undefined, /not an object in JSON/],
    ['{}', undefined, /no access token that can be used/],
    [grant({ access_token: '' }), undefined, /no access token/],
    [grant({ access_token: 7 }), undefined, /no access token/],
    [grant({ access_token: 'ya29 x' }), undefined, /no access token/],
    [grant({ access_token: 'ya29\u0001host=x' }), undefined, /no access token/],
    [grant({ access_token: 'ya29'.repeat(3000) }), undefined, /no access token/],
    [grant({ token_type: 'mac' }), undefined, /other than Bearer/],
    [grant({ token_type: ['Bearer'] }), undefined, /other than Bearer/],
    [`{"access_token":"${'x'.repeat(LONGEST_ANSWER)}"}`, undefined, /longer than 65536 bytes/],
    [response => void response.destroy(), undefined, /no token from 127\.0\.0\.1:\d+: .*(ECONNRESET)/],
    [
      response => void response.writeHead(200, { 'content-length': '100' }).write('{"access', () => response.destroy()),
      undefined,
      /no token from/,
    ],
    [response => void response.socket?.end('ya29 hush\r\n\r\n'), undefined, /does not speak HTTP/],
  ]
  for (const [reply, condition, message] of rows) {
    const { source, clock } = await endpoint(t, reply)
    const error: unknown = await source()
      .token()
      .then(
        token => t.fail(`a token: ${token}`),
        error => error,
      )
    t.match(error, { name: 'XmppError', code: 'XMPP_OAUTH', message }, `${condition} ${message}`)
    t.equal((error as { condition?: string }).condition, condition)
    tellsNothing(t, error)
    t.equal(clock.pending, 0)
  }
  for (const type of ['bearer', 'BEARER', undefined]) {
    t.equal(await (await endpoint(t, grant({ token_type: type }))).source().token(), 'ya29.one', `${type}`)
  }
})

t.test('whatever the form in which it repeats a secret', async t => {
  for (const secret of [client.clientSecret, client.refreshToken]) {
    for (const [what, form] of Object.entries(forms)) {
      const said = await form(secret)
      const body = JSON.stringify({ error: 'e', error_description: `what is ${said}?` })
      const { source } = await endpoint(t, failure(400, body))
      const error = await source()
        .token()
        .catch(error => error)
      t.match(error, { code: 'XMPP_OAUTH', message: /says: what is \[masked\]\?\)$/ }, `${what}: ${said}`)
      tellsNothing(t, error)
    }
  }
})

t.test('redirections are not followed', async t => {
  const other = await endpoint(t, grant())
  const { source } = await endpoint(t, failure(307, '', { location: other.url }))
  await rejects(t, source().token(), { code: 'XMPP_OAUTH' })
  t.equal(other.asked.length, 0)
})

t.test('nobody there, and nobody who answers', async t => {
  const { port } = await listen(t, () => {})
  const spare = createTcp().listen(0, '127.0.0.1')
  await once(spare, 'listening')
  const free = (spare.address() as AddressInfo).port
  await new Promise(resolve => spare.close(resolve))
  const refused = await tokenSource({ ...client, url: `http://127.0.0.1:${free}/` })
    .token()
    .catch(error => error)
  t.match(refused, { code: 'XMPP_OAUTH', message: /no token from 127\.0\.0\.1:\d+: .*ECONNREFUSED/, cause: Error })
  tellsNothing(t, refused)

  const clock = new HandClock()
  const late = tokenSource({ ...client, url: `http://127.0.0.1:${port}/`, clock }).token()
  t.equal(clock.next, REQUEST_TIMEOUT)
  const rejected = rejects(t, late, { code: 'XMPP_OAUTH', message: /^127\.0\.0\.1:\d+ gives no answer within 15 s$/ })
  clock.skip(REQUEST_TIMEOUT)
  await rejected
})

t.test('half an answer is waited for no longer than a whole one', async t => {
  let begun = (): void => {}
  const started = new Promise<void>(resolve => {
    begun = resolve
  })
  const { source, clock } = await endpoint(t, response => {
    response.writeHead(200).write('{"access_token":', () => begun())
  })
  const rejected = rejects(t, source().token(), { message: /no answer within/ })
  await started
  clock.skip(REQUEST_TIMEOUT)
  await rejected
})

t.test('given up', async t => {
  const controller = new AbortController()
  const reason = new Error('stopped')
  let arrived = (): void => {}
  const asking = new Promise<void>(resolve => {
    arrived = resolve
  })
  const { source, clock, asked } = await endpoint(t, () => arrived())
  const { token } = source({ signal: controller.signal })
  const waiting = token().catch(error => error)
  await asking
  controller.abort(reason)
  t.equal(await waiting, reason)
  t.equal(await token().catch(error => error), reason, 'and for good')
  t.equal(clock.pending, 0)
  t.equal(asked.length, 1)
})

t.test('over TLS, and to whom', async t => {
  const certificate = makeCertificate({ names: ['localhost'], addresses: ['127.0.0.1'] })
  const server = createHttps({ cert: certificate.cert, key: certificate.key }, (_, response) => response.end(grant()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/token`
  t.equal(await tokenSource({ ...client, url, ca: certificate.ca }).token(), 'ya29.one')
  const error = await tokenSource({ ...client, url })
    .token()
    .catch(error => error)
  t.match(error, { code: 'XMPP_OAUTH', message: /no token from 127\.0\.0\.1:\d+: .*certificate/ })
  tellsNothing(t, error)
})

t.test('URLs', async t => {
  t.equal(GOOGLE_TOKEN_URL, 'https://oauth2.googleapis.com/token')
  for (const url of [
    undefined,
    'https://login.example/token',
    'http://localhost:1234/',
    'http://127.0.0.1/x',
    'http://127.8.9.10/',
    'http://[::1]:80/',
    'HTTP://LOCALHOST/',
  ]) {
    t.ok(tokenSource({ ...client, url }), `${url}`)
  }
  for (const [url, message] of [
    ['', /expected an https URL/],
    ['hush', /expected an https URL/],
    ['/token', /expected an https URL/],
    ['ftp://hush.example/', /expected an https URL/],
    ['file:///etc/hush', /expected an https URL/],
    ['http://login.example/hush?hush', /expected an https URL/],
    ['http://127.0.0.1.example/', /https/],
    ['http://localhost.example/', /https/],
    ['http://10.0.0.1/', /https/],
    ['http://[::2]/', /https/],
    // Names that somebody else has to be asked for, and one that no system is sure to read as ours.
    ['http://foo.localhost/', /https/],
    ['http://localhost./', /https/],
    ['http://[::ffff:127.0.0.1]/', /https/],
    ['https://me:hush@login.example/', /holds a user name/],
  ] as const) {
    throws(t, () => tokenSource({ ...client, url }), { code: 'XMPP_OAUTH', message }, url)
    try {
      tokenSource({ ...client, url })
    } catch (error) {
      tellsNothing(t, error)
    }
  }
})
