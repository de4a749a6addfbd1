import t from 'tap'
import { loadConfig, optionNames, options, readDialect, sampleConfig } from '../../src/config/index.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { memory } from './memory.ts'

const { cert, key, ca } = makeCertificate({ names: ['example.com'], purpose: 'client' })
const files = { '/c/ca.pem': ca, '/c/pbx.pem': cert, '/c/pbx.key': key, '/c/xmpp.secret': 's\n' }

const load = (text: string) =>
  loadConfig('/c/xmpp.conf', memory({ ...files, '/c/xmpp.conf': text }), { env: { XMPP_SECRET: 's' } })

/** Takes the `;` away from lines of the sample, which are named by their beginnings. */
function uncomment(...beginnings: string[]): string {
  const lines = sampleConfig().split('\n')
  for (const beginning of beginnings) {
    const at = lines.findLastIndex(line => line.startsWith(`;${beginning}`))
    if (at < 0) throw new Error(`no line begins with ${beginning}`)
    lines[at] = lines[at]?.slice(1) as string
  }
  return lines.join('\n')
}

const account = ['[asterisk]', 'username =', 'secret =']

t.test('as it is, nothing is wrong with it but that it has no account', async t => {
  const { accounts, problems, sections } = load(sampleConfig())
  t.strictSame(
    [accounts, problems.map(({ code }) => code), sections.map(({ name, template }) => [name, template])],
    [
      [],
      ['no-account'],
      [
        ['general', false],
        ['account', true],
      ],
    ],
  )
  t.ok(
    sampleConfig()
      .split('\n')
      .every(line => line.length < 120),
  )
})

t.test('every option stands in it once where it may', async t => {
  const { problems, sections } = readDialect('/c', memory({ '/c': sampleConfig().replaceAll(/^;(?! |$)/gm, '') }))
  t.strictSame(problems, [])
  const named = (...names: string[]) =>
    sections.filter(({ name }) => names.includes(name)).flatMap(({ entries }) => entries.map(({ name }) => name))
  // What an account inherits from the template stands in it as well.
  const [template = [], ...accounts] = ['account', 'asterisk', 'gateway'].map(name => named(name))
  const own = accounts.flatMap(names => names.slice(template.length))
  t.strictSame(named('general'), optionNames('general'))
  t.strictSame([...template, ...own].sort(), optionNames('account').sort())
})

t.test('an account, and a component, with only what they need', async t => {
  const { accounts, problems } = load(uncomment(...account))
  t.strictSame(problems, [])
  t.match(accounts, [{ name: 'asterisk', type: 'client', jid: { local: 'asterisk', domain: 'example.com' } }])
  const component = `${uncomment('[gateway]', 'type =')}\nusername=gateway.example.com\nsecret=s\nforceoldssl=yes`
  t.match(load(component).accounts, [{ name: 'gateway', type: 'component', tls: 'direct' }])
})

t.test('every line can be used as it is shown', async t => {
  const needs: Record<string, string[]> = {
    refresh_token: ['oauth_clientid =', 'oauth_secret ='],
    oauth_clientid: ['refresh_token =', 'oauth_secret ='],
    oauth_secret: ['refresh_token =', 'oauth_clientid ='],
    oauth_token_url: ['refresh_token =', 'oauth_clientid =', 'oauth_secret ='],
    tls_keyfile: ['tls_certfile ='],
    tls_certfile: ['tls_keyfile ='],
  }
  const others = optionNames('account').filter(name => !['username', 'secret', 'type'].includes(name))
  for (const name of others) {
    const instead = name === 'secret_file' || name === 'secret_env'
    const text = uncomment(
      ...account.filter(line => !instead || line !== 'secret ='),
      `${name} =`,
      ...(needs[name] ?? []),
    )
    const { accounts, problems } = load(text)
    t.strictSame(
      problems.filter(({ code }) => code !== 'token-wins').map(({ code, message }) => `${code} ${message}`),
      [],
      name,
    )
    t.equal(accounts.length, 1, name)
  }
})

t.test('what has a default shows it: taking the ";" away changes nothing', async t => {
  const [plain] = load(uncomment(...account)).accounts
  for (const name of optionNames('account')) {
    if (!('default' in options[name]) || name === 'type') continue
    const [given] = load(uncomment(...account, `${name} =`)).accounts
    t.strictSame(given?.[name], plain?.[name], name)
  }
})
