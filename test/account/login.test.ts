/** What xmpp.conf says of the login, against the loopback server: by what an account is let in, and by what never. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type LoopbackOptions, makeCertificate, startLoopback } from '../../src/testing/index.ts'
import { accounts, clientConfig, watched } from './setting.ts'

const juliet = 'juliet@example.com'

async function loopback(t: Test, options: LoopbackOptions = {}) {
  const server = await startLoopback({ users: { [juliet]: 'secret' }, ...options })
  t.teardown(() => server.stop())
  return server
}

/** A token endpoint that replaces the refresh token each time, and takes each but once. */
async function endpoint(t: Test): Promise<string> {
  let good = 0
  const server = createServer((request, response) => {
    let form = ''
    request.on('data', chunk => {
      form += chunk
    })
    request.on('end', () => {
      if (new URLSearchParams(form).get('refresh_token') !== `refresh ${good}`) {
        response.writeHead(400).end('{"error":"invalid_grant"}')
        return
      }
      good++
      response.end(`{"access_token":"access-token","refresh_token":"refresh ${good}"}`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const grant = (url: string): string =>
  `refresh_token=refresh 0\noauth_clientid=id\noauth_secret=client secret\noauth_token_url=${url}`

t.test('a token, though there is a password too', async t => {
  const url = await endpoint(t)
  const { port } = await loopback(t, {
    starttls: 'none',
    mechanisms: ['SCRAM-SHA-1', 'PLAIN', 'X-OAUTH2'],
    tokens: { 'access-token': juliet },
  })
  const { account, next, events } = watched(t, clientConfig(port, grant(url)))
  account.start()
  t.match(await next('connected'), { mechanism: 'X-OAUTH2' })
  const warnings = events.flatMap(event => (event.type === 'warning' ? [event.text] : []))
  t.match(warnings, [/has replaced the refresh token/, /^the token was sent in clear/])
  t.equal(account.hideSecrets('refresh 1 and access-token'), '[masked] and [masked]')

  await account.stop()
  account.start()
  t.match(await next('connected'), { mechanism: 'X-OAUTH2' }, 'the new refresh token outlives a stop')
  t.equal(events.filter(event => event.type === 'warning' && /replaced/.test(event.text)).length, 1, 'said once')
})

t.test('never a password where a token is configured', async t => {
  const url = await endpoint(t)
  const { port } = await loopback(t, { starttls: 'none' })
  const { account, next } = watched(t, clientConfig(port, grant(url)))
  account.start()
  const { error } = await next('offline')
  t.match(error, { condition: 'invalid-mechanism', message: /we can use OAUTHBEARER X-OAUTH2$/ })
})

t.test('a token URL that will not do ends nothing but the attempt', async t => {
  const { port } = await loopback(t, { starttls: 'none', mechanisms: ['X-OAUTH2'] })
  const config = { ...clientConfig(port, grant('http://localhost/')), oauth_token_url: 'http://foo.localhost/' }
  const { account, next } = watched(t, config)
  account.start()
  t.match((await next('offline')).error, { code: 'XMPP_OAUTH', message: /expected an https URL/ })
})

t.test('the mechanisms that are named, and the binding that is wanted', async t => {
  const certificate = makeCertificate({ names: ['example.com'] })
  const mechanisms = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']
  const server = await loopback(t, { certificate, mechanisms })
  const config = (port: number, lines: string) => {
    const basics = `username=${juliet}\nsecret=secret\nserverhost=127.0.0.1\nport=${port}\ntls_cafile=ca.pem`
    const [account] = accounts(`[asterisk]\n${basics}\n${lines}\n`, certificate.ca)
    if (account === undefined) throw new Error('no account')
    return account
  }
  for (const [lines, wanted] of [
    ['', { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-exporter', unbound: undefined }],
    ['channel_binding=no', { mechanism: 'SCRAM-SHA-256', binding: undefined, unbound: undefined }],
    ['channel_binding=required', { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-exporter' }],
    ['sasl_mechanisms=PLAIN', { mechanism: 'PLAIN', binding: undefined, unbound: /no mechanism that does it/ }],
    ['sasl_mechanisms=PLAIN SCRAM-SHA-1', { mechanism: 'SCRAM-SHA-1' }],
  ] as const) {
    const { account, next } = watched(t, config(server.port, lines))
    account.start()
    t.match(await next('connected'), wanted, lines)
    await account.stop()
  }
  const without = await loopback(t, { certificate })
  for (const [lines, message] of [
    ['channel_binding=required', /channel binding is required/],
    ['sasl_mechanisms=DIGEST-MD5', /we can use DIGEST-MD5$/],
  ] as const) {
    const { account, next } = watched(t, config(without.port, lines))
    account.start()
    t.match((await next('offline')).error, { condition: 'invalid-mechanism', message }, lines)
    await account.stop()
  }
})
