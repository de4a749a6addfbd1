import t from 'tap'
import { type AccountConfig, diffAccounts, loadConfig, options } from '../../src/config/index.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'
import { certificate, memory } from './memory.ts'

const rest = 'serverhost=h\nbuddy=b@x\nbuddy=c@x\n'
const good = `username=a@x\nsecret=s\n${rest}`

function accounts(text: string, ca = certificate): readonly AccountConfig[] {
  const files = { '/c/pw': 's\n', '/c/ca': ca, '/c/ca2': ca, '/c/both': own.cert + own.key, '/c/key': own.key }
  return loadConfig('/c/xmpp.conf', memory({ '/c/xmpp.conf': text, ...files })).accounts
}

const own = makeCertificate({ names: ['a.example'] })

/** The effects of lines added to an otherwise unchanged account. */
function effects(lines: string, before = ''): unknown {
  const changes = diffAccounts(accounts(`[a]\n${good}${before}`), accounts(`[a]\n${good}${lines}`))
  return changes.map(change => [change.name, change.kind, change.kind === 'changed' ? [...change.effects].sort() : []])
}

t.test('what a changed option does', async t => {
  const cases: [line: string, effect: string][] = [
    ['type=component\nusername=x\nusetls=no', 'reconnect'],
    ['username=b@x', 'reconnect'],
    ['username=a@x/r', 'reconnect'],
    ['secret=t', 'reconnect'],
    ['serverhost=i', 'reconnect'],
    ['port=1', 'reconnect'],
    ['usetls=no', 'reconnect'],
    ['forceoldssl=yes', 'reconnect'],
    ['usesasl=no', 'reconnect'],
    ['sasl_mechanisms=PLAIN', 'reconnect'],
    ['channel_binding=no', 'reconnect'],
    ['stream_management=no', 'reconnect'],
    ['oauth_token_url=https://x/', 'reconnect'],
    ['refresh_token=r\noauth_clientid=c\noauth_secret=s', 'reconnect'],
    ['status=away', 'presence'],
    ['statusmessage=m', 'presence'],
    ['priority=2', 'presence'],
    ['buddy=d@x', 'buddies'],
    ['autoregister=no', 'live'],
    ['timeout=6', 'live'],
    ['auth_policy=deny', 'live'],
    ['autoprune=yes', 'live'],
    ['context=c', 'live'],
    ['sendtodialplan=yes', 'live'],
    ['pubsub_node=p.x', 'events'],
    ['distribute_events=yes\npubsub_node=p.x', 'events'],
    ['keepalive=no', 'live'],
    ['debug=yes', 'live'],
    ['tls_verify=no', 'reconnect'],
    ['tls_cafile=ca', 'reconnect'],
    ['tls_servername=n', 'reconnect'],
    ['tls_certfile=both', 'reconnect'],
  ]
  for (const [line, effect] of cases) t.strictSame(effects(line), [['a', 'changed', [effect]]], line)
  t.strictSame(effects('tls_certfile=both\ntls_keyfile=key', 'tls_certfile=both'), [['a', 'changed', ['reconnect']]])
  const tried = new Set([
    'tls_keyfile',
    // Below.
    'secret_env',
    'secret_file',
    'collection_nodes',
    'pubsub_autocreate',
    ...cases.flatMap(([lines]) => lines.split('\n').map(line => line.split('=')[0])),
  ])
  t.strictSame(
    Object.keys(options).filter(name => !tried.has(name)),
    [],
    'every option is tried',
  )
})

t.test('several at once', async t => {
  t.strictSame(effects('status=away\nbuddy=d@x\ndebug=yes\n'), [['a', 'changed', ['buddies', 'live', 'presence']]])
})

t.test('nothing', async t => {
  t.strictSame(effects(''), [])
  t.strictSame(effects('port=5222\nUSETLS=on\nstatus=online\n;x\n'), [], 'defaults spelled out')
  t.strictSame(effects('buddy=B@X\n'), [], 'a buddy given twice')
  const [a] = accounts(`[a]\n${good}`)
  const moved = accounts('\n\n[A]\nusername=a@x\nserverhost=h\nsecret=s\nbuddy=c@x\nbuddy=b@x\n')
  t.strictSame(diffAccounts(a ? [a] : [], moved), [], 'another line, order and case of the name')
})

t.test('a buddy dropped', async t => {
  t.strictSame(effects('', 'buddy=d@x'), [['a', 'changed', ['buddies']]])
  t.strictSame(effects('buddy=e@x', 'buddy=d@x'), [['a', 'changed', ['buddies']]], 'and another added')
})

t.test('other certificates in the same file', async t => {
  const text = `[a]\n${good}tls_cafile=ca\n`
  const [change] = diffAccounts(accounts(text), accounts(text, certificate + certificate))
  t.strictSame(change?.kind === 'changed' && [...change.effects], ['reconnect'])
})

t.test('another certificate or key of our own, in the same files', async t => {
  const [one, two] = [makeCertificate({ names: ['a.example'] }), makeCertificate({ names: ['a.example'] })]
  const changed = (lines: string, before: object, after: object) => {
    const text = `[a]\n${good}${lines}\n`
    const read = (files: object) => loadConfig('/c', memory({ '/c': text, ...files })).accounts
    return diffAccounts(read(before), read(after)).flatMap(change =>
      change.kind === 'changed' ? [[...change.effects], change.options] : [],
    )
  }
  const pair = ({ cert, key }: typeof one) => ({ '/own.pem': cert, '/own.key': key, '/both.pem': cert + key })
  const lines = 'tls_certfile=own.pem\ntls_keyfile=own.key'
  t.strictSame(changed(lines, pair(one), pair(one)), [])
  t.strictSame(changed(lines, pair(one), pair(two)), [['reconnect'], ['tls_certfile', 'tls_keyfile']])
  t.strictSame(changed('tls_certfile=both.pem', pair(one), pair(two)), [['reconnect'], ['tls_certfile']])
})

t.test('[general] counts where it has an effect', async t => {
  const before = accounts(`[a]\n${good}[b]\n${good}debug=no\n`)
  const changes = diffAccounts(before, accounts(`[general]\ndebug=yes\n[a]\n${good}[b]\n${good}debug=no\n`))
  t.strictSame(
    changes.map(change => change.name),
    ['a'],
  )
})

t.test('what [general] says of events counts for accounts that distribute some', async t => {
  const text = (general: string) =>
    `[general]\n${general}[a]\n${good}pubsub_node=p.x\n[b]\n${good}pubsub_node=p.x\ndistribute_events=yes\n`
  for (const name of ['collection_nodes', 'pubsub_autocreate']) {
    const changes = diffAccounts(accounts(text('')), accounts(text(`${name}=yes\n`)))
    t.strictSame(
      changes.map(change => [change.name, change.kind === 'changed' && [[...change.effects], change.options]]),
      [['b', [['events'], [name]]]],
    )
  }
  const off = diffAccounts(
    accounts(text('')),
    accounts(text('collection_nodes=yes\n').replace('events=yes', 'events=no')),
  )
  t.match(off, [{ name: 'b', options: ['distribute_events', 'collection_nodes'] }], 'that did until now, too')
  t.equal(off.length, 1)
})

t.test('a secret from elsewhere', async t => {
  const read = (lines: string, secret = 's') => {
    const files = memory({ '/c/x': `[a]\nusername=a@x\n${rest}${lines}`, '/c/pw': secret, '/c/other': secret })
    return loadConfig('/c/x', files, { env: { PW: secret } }).accounts
  }
  const changed = (before: readonly AccountConfig[], after: readonly AccountConfig[]) =>
    diffAccounts(before, after).map(change => change.kind === 'changed' && [[...change.effects], change.options])
  const [file, env] = ['secret_file=pw', 'secret_env=PW']
  t.strictSame(changed(read(file), read(file)), [])
  t.strictSame(changed(read(file), read(file, 's\n')), [], 'a line end is nothing')
  t.strictSame(
    changed(read(file), read(file, 't')),
    [[['reconnect'], ['secret_file']]],
    'other content of the same file',
  )
  t.strictSame(changed(read(env), read(env, 't')), [[['reconnect'], ['secret_env']]])
  t.strictSame(changed(read('secret=s'), read(file)), [[['reconnect'], ['secret_file']]])
  t.strictSame(changed(read(file), read('secret_file=other', 't')), [[['reconnect'], ['secret_file']]])
  t.strictSame(changed(read(file), read('secret=t')), [[['reconnect'], ['secret', 'secret_file']]])
})

t.test('added and removed', async t => {
  const before = accounts(`[a]\n${good}[b]\n${good}[c]\n${good}`)
  const after = accounts(`[d]\n${good}[C]\n${good}priority=9\n[b]\n${good}[e]\n${good}`)
  const changes = diffAccounts(before, after)
  t.strictSame(
    changes.map(({ kind, name }) => `${kind} ${name}`),
    ['removed a', 'added d', 'changed C', 'added e'],
  )
  t.strictSame(
    changes.map(change => [
      change.kind === 'added' ? undefined : change.before.name,
      change.kind === 'removed' ? undefined : change.after.name,
    ]),
    [
      ['a', undefined],
      [undefined, 'd'],
      ['c', 'C'],
      [undefined, 'e'],
    ],
  )
  t.strictSame(diffAccounts([], []), [])
})

t.test('accounts called like properties of every object', async t => {
  const changes = diffAccounts([], accounts(`[__proto__]\n${good}[constructor]\n${good}`))
  t.strictSame(
    changes.map(({ kind, name }) => `${kind} ${name}`),
    ['added __proto__', 'added constructor'],
  )
})

t.test('a change names the options that differ', async t => {
  const [change] = diffAccounts(accounts(`[a]\n${good}status=away\n`), accounts(`[a]\n${good}status=dnd\ndebug=yes\n`))
  t.match(change, { kind: 'changed', options: ['status', 'debug'] })
})
