import t from 'tap'
import { describeAccount, describeGeneral, loadConfig, mask, options } from '../../src/config/index.ts'
import { memory } from './memory.ts'

const load = (text: string) => loadConfig('/c', memory({ '/c': text }))

t.test('effective settings, secrets masked', async t => {
  const { accounts, general } = load(
    '[general]\ndebug=yes\n[a]\nusername=a@x\nsecret=hunter2\nserverhost=h\nbuddy=b@x\nbuddy=c@x\nstatusmessage=\nforceoldssl=y\n',
  )
  const [account] = accounts
  if (account === undefined) return t.fail('no account')
  t.strictSame(describeAccount(account), [
    ['type', 'client'],
    ['username', 'a@x'],
    ['secret', mask],
    ['serverhost', 'h'],
    ['port', '5223'],
    ['usetls', 'yes'],
    ['forceoldssl', 'yes'],
    ['usesasl', 'yes'],
    ['status', 'available'],
    ['statusmessage', ''],
    ['priority', '1'],
    ['buddy', 'b@x'],
    ['buddy', 'c@x'],
    ['autoregister', 'yes'],
    ['auth_policy', 'accept'],
    ['autoprune', 'no'],
    ['timeout', '5'],
    ['context', 'default'],
    ['sendtodialplan', 'no'],
    ['distribute_events', 'no'],
    ['keepalive', 'yes'],
    ['debug', 'yes'],
    ['oauth_token_url', 'https://oauth2.googleapis.com/token'],
    ['channel_binding', 'auto'],
    ['stream_management', 'yes'],
    ['tls_verify', 'yes'],
  ])
  t.strictSame(describeGeneral(general), [
    ['autoregister', 'yes'],
    ['auth_policy', 'accept'],
    ['autoprune', 'no'],
    ['collection_nodes', 'no'],
    ['pubsub_autocreate', 'no'],
    ['debug', 'yes'],
  ])
})

t.test('the mask does not tell how long a secret is', async t => {
  const shown = (secret: string) => {
    const [account] = load(`[a]\nusername=a@x\nserverhost=h\nsecret=${secret}`).accounts
    return account && describeAccount(account).find(([name]) => name === 'secret')?.[1]
  }
  t.equal(shown('x'), mask)
  t.equal(shown('x'.repeat(100)), mask)
})

t.test('every option of the table says what it is', async t => {
  for (const [name, { summary }] of Object.entries(options)) t.match(summary, /^[A-Z].*\.$/, name)
})
