/** An account that logs in by a refresh token: daemon, token endpoint and a server that knows the tokens. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { clientSection, Daemon } from './daemon.ts'
import { issueToken, type LiveServer, servers, skip } from './servers/servers.ts'
import { newUser, type User } from './users.ts'

t.setTimeout(120_000)

const server = servers.find(({ name }) => name === 'ejabberd') as LiveServer

const REFRESH_TOKEN = '1//refresh-0123456789abcdef'
const CLIENT_SECRET = 'client-secret-0123456789abcdef'
const GARBAGE = 'garbage-0123456789abcdef'

const form = {
  grant_type: 'refresh_token',
  refresh_token: REFRESH_TOKEN,
  client_id: 'res-xmpp',
  client_secret: CLIENT_SECRET,
}

interface Answer {
  readonly status: number
  readonly body: object
}

/** What the endpoint gives an account. */
type Giver = (user: User) => Promise<Answer>

const grant = (token: string): Answer => ({
  status: 200,
  body: { access_token: token, token_type: 'Bearer', expires_in: 3600 },
})

const issued: Giver = async user => grant(await issueToken(server, user))

t.test('the token that is given out logs the account in', { skip }, async t => {
  const { user, endpoint, daemon } = await account(t, [issued])
  await daemon.logged(connected(user))
  await talksToItself(t, daemon, user)
  t.strictSame(endpoint.forms, [form], 'it was asked for once, in the words of RFC 6749 §6')
  await silent(t, daemon, user, endpoint)
})

t.test('a token that is refused is replaced at once, one time', { skip }, async t => {
  const refused = async (): Promise<Answer> => grant(GARBAGE)
  const { user, endpoint, daemon } = await account(t, [refused, issued])
  await daemon.logged(connected(user))
  await talksToItself(t, daemon, user)
  t.equal(endpoint.forms.length, 2)
  t.equal(daemon.count(/refused the login|no connection/), 0, 'of which nobody hears')
  await silent(t, daemon, user, endpoint)
})

t.test('tokens that are always refused', { skip }, async t => {
  const refused = async (): Promise<Answer> => grant(`${GARBAGE}.${Math.random()}`)
  const { user, endpoint, daemon } = await account(t, [refused, refused, refused])
  await daemon.logged(
    new RegExp(
      `WARNING \\[desk\\] .* refused the login as ${user.jid}/desk: not-authorized: .*; trying again in [67][0-9] s$`,
    ),
  )
  t.equal(endpoint.forms.length, 2, 'two are tried')
  await silent(t, daemon, user, endpoint)
})

t.test('a refresh token that is good no more', { skip }, async t => {
  const revoked = async (): Promise<Answer> => ({
    status: 400,
    // As careless endpoints do it.
    body: { error: 'invalid_grant', error_description: `revoked: ${REFRESH_TOKEN}` },
  })
  const { user, endpoint, daemon } = await account(t, [revoked])
  await daemon.logged(
    /WARNING \[desk\] .*no token from 127\.0\.0\.1:\d+: invalid_grant: the refresh token was revoked or has expired.*: get a new one.*; trying again in [67][0-9] s$/,
  )
  t.match((await daemon.rx('xmpp', 'show', 'connections')).out, `[desk] ${user.jid}/desk     - Disconnected\n`)
  t.equal(endpoint.forms.length, 1)
  await silent(t, daemon, user, endpoint)
})

/** Where tokens are fetched, the fields of each request, and what was given out. */
class Endpoint {
  readonly port: number
  readonly forms: object[] = []
  readonly given: string[] = []

  static async start(t: Test, user: User, givers: readonly Giver[]): Promise<Endpoint> {
    const web = createServer().listen(0, '127.0.0.1')
    await once(web, 'listening')
    t.teardown(() => web.close())
    const endpoint = new Endpoint((web.address() as AddressInfo).port)
    web.on('request', async (request, response) => {
      endpoint.forms.push(Object.fromEntries(new URLSearchParams(await text(request))))
      const give = givers[endpoint.forms.length - 1]
      const { status, body }: Answer = give ? await give(user) : { status: 503, body: {} }
      if ('access_token' in body) endpoint.given.push(String(body.access_token))
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    return endpoint
  }

  private constructor(port: number) {
    this.port = port
  }
}

async function text(request: IncomingMessage): Promise<string> {
  let all = ''
  for await (const chunk of request.setEncoding('utf8')) all += chunk
  return all
}

/** A daemon with one account, and the endpoint that gives it one thing after the other. */
async function account(
  t: Test,
  givers: readonly Giver[],
): Promise<{ readonly user: User; readonly endpoint: Endpoint; readonly daemon: Daemon }> {
  const user = await newUser(t, server, 'oauth')
  const endpoint = await Endpoint.start(t, user, givers)
  const options = {
    refresh_token: REFRESH_TOKEN,
    oauth_clientid: form.client_id,
    oauth_secret: CLIENT_SECRET,
    oauth_token_url: `http://127.0.0.1:${endpoint.port}/token`,
    debug: 'yes',
    timeout: 60,
  }
  const lines = clientSection('desk', user, options).replace(/^secret=.*\n/m, '')
  return { user, endpoint, daemon: new Daemon(t, lines) }
}

const connected = ({ jid }: User): RegExp =>
  new RegExp(`NOTICE \\[desk\\] Connected as ${jid}/desk at \\S+ port \\d+ \\(TLSv1\\.3, X-OAUTH2\\)$`)

async function talksToItself(t: Test, daemon: Daemon, { jid }: User): Promise<void> {
  const to = `${jid}/desk`
  t.equal((await daemon.rx('xmpp', 'send', 'desk', to, 'to myself')).exit, 0)
  t.equal((await daemon.rx('xmpp', 'receive', 'desk', to, '10')).out, 'to myself\n')
}

/** It ends, and no secret of its has come into its log, not even in base64. */
async function silent(t: Test, daemon: Daemon, user: User, { given }: Endpoint): Promise<void> {
  daemon.signal('SIGTERM')
  t.strictSame(await daemon.ended, { code: 0, signal: null })
  for (const secret of [REFRESH_TOKEN, CLIENT_SECRET, ...given]) {
    t.notOk(daemon.log.includes(secret), 'no secret in the log')
    t.notOk(daemon.log.includes(Buffer.from(`\0${user.jid.split('@')[0]}\0${secret}`).toString('base64')))
  }
  t.notMatch(daemon.log, / ERROR |^\s+at /m)
}
