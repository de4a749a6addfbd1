import t from 'tap'
import { defaultSettings, formatProblem, parseSettings } from '../../src/config/index.ts'

const file = '/etc/res-xmpp.conf'

const defaults = {
  daemon: { config: undefined, control: undefined, timestamps: undefined },
  limits: { stanza_bytes: 262144, inbox_messages: 100000, inbox_bytes: 67108864 },
  events: { eid: undefined, expire: 0, leave: 'mark' },
  pubsub: {
    domain: undefined,
    host: '127.0.0.1',
    port: 5347,
    secret: undefined,
    secret_file: undefined,
    tls: undefined,
    tls_cafile: undefined,
    store: undefined,
    admins: [],
    creators: undefined,
    auto_create: false,
    nodes_per_owner: 10_000,
    items_per_owner: 100_000,
    bytes_per_owner: 67_108_864,
    subscriptions_per_user: 20_000,
  },
}

t.test('defaults', async t => {
  t.strictSame(defaultSettings(), defaults)
  t.strictSame(await parseSettings('', file), { settings: defaults, problems: [] })
  t.strictSame(await parseSettings('; a\n# b\n\n[daemon]\n[limits]\n', file), { settings: defaults, problems: [] })
})

t.test('all of them', async t => {
  const text = [
    '\ufeff[daemon]',
    'config = /srv/x.conf',
    'control= run/sock ; here',
    '[limits]',
    'stanza_bytes=10000',
    'inbox_messages = 1000000',
    'inbox_bytes=65536',
    '[daemon]',
    '  timestamps = On',
    '[events]',
    'eid = 02:00:00:00:00:AA',
    'expire=300',
    'leave = Retract',
    '[pubsub]',
    'domain = nodes.example.org',
    'host = xmpp.example.org',
    'port = 5348',
    'secret_file = nodes.secret',
    'tls = direct',
    'tls_cafile = ca.pem',
    'store = /var/lib/nodes',
    'admins = admin@example.org',
    'creators = example.org, pbx.example.net',
    'auto_create = on',
    'nodes_per_owner = 1',
    'items_per_owner = 2',
    'bytes_per_owner = 3',
    'subscriptions_per_user = 4',
    '',
  ].join('\r\n')
  t.strictSame(await parseSettings(text, file), {
    settings: {
      daemon: { config: '/srv/x.conf', control: '/etc/run/sock', timestamps: true },
      limits: { stanza_bytes: 10000, inbox_messages: 1000000, inbox_bytes: 65536 },
      events: { eid: '02:00:00:00:00:aa', expire: 300, leave: 'retract' },
      pubsub: {
        domain: 'nodes.example.org',
        host: 'xmpp.example.org',
        port: 5348,
        secret: undefined,
        secret_file: '/etc/nodes.secret',
        tls: 'direct',
        tls_cafile: '/etc/ca.pem',
        store: '/var/lib/nodes',
        admins: ['admin@example.org'],
        creators: ['example.org', 'pbx.example.net'],
        auto_create: true,
        nodes_per_owner: 1,
        items_per_owner: 2,
        bytes_per_owner: 3,
        subscriptions_per_user: 4,
      },
    },
    problems: [],
  })
})

t.test('values', async t => {
  const cases: [section: keyof typeof defaults, line: string, want: unknown][] = [
    ['daemon', 'config=x.conf', '/etc/x.conf'],
    ['daemon', 'config="/a b;c"', '/a b;c'],
    ['daemon', 'config=/a\\;b', '/a;b'],
    ['daemon', 'config=true', '/etc/true'],
    ['daemon', `control=/${'x'.repeat(106)}`, `/${'x'.repeat(106)}`],
    ['daemon', 'timestamps=yes', true],
    ['daemon', 'timestamps=true', true],
    ['daemon', 'timestamps=1', true],
    ['daemon', 'timestamps=false', false],
    ['daemon', 'timestamps=off', false],
    ['limits', 'stanza_bytes=16777216', 16777216],
    ['limits', 'stanza_bytes="20000"', 20000],
    ['limits', "stanza_bytes='20000'", 20000],
    ['limits', 'inbox_messages=1', 1],
    ['limits', 'inbox_bytes=1073741824', 1073741824],
    ['events', 'eid=02:00:00:00:00:01', '02:00:00:00:00:01'],
    ['events', 'eid="FE:dc:BA:98:76:54"', 'fe:dc:ba:98:76:54'],
    ['events', 'expire=0', 0],
    ['events', 'expire=2000000', 2000000],
    ['events', 'leave=mark', 'mark'],
    ['events', 'leave=KEEP', 'keep'],
    ['pubsub', 'domain=nodes.example.org', 'nodes.example.org'],
    ['pubsub', 'host=[::1]', '::1'],
    ['pubsub', 'port=5347', 5347],
    ['pubsub', 'secret="a;b#c"', 'a;b#c'],
    ['pubsub', 'secret=true', 'true'],
    ['pubsub', 'tls=DIRECT', 'direct'],
    ['pubsub', 'store=nodes', '/etc/nodes'],
    ['pubsub', 'admins=a@example.org, b.example ,', ['a@example.org', 'b.example']],
    ['pubsub', 'creators=*', ['*']],
    ['pubsub', 'auto_create=yes', true],
    ['pubsub', 'bytes_per_owner=0', 0],
  ]
  for (const [section, line, want] of cases) {
    const { settings, problems } = await parseSettings(`[${section}]\n${line}\n`, file)
    const found = new Map<string, unknown>(Object.entries(settings[section])).get(line.split('=')[0] ?? '')
    t.strictSame([found, problems], [want, []], line)
  }
})

t.test('mistakes', async t => {
  const cases: [text: string, want: string[]][] = [
    ['[deamon]\nconfig=x', ['1 unknown-section deamon.-']],
    ['[__proto__]\nconfig=x', ['1 unknown-section __proto__.-']],
    ['[daemon.limits]', ['1 unknown-section daemon.limits.-']],
    ['[Daemon]', ['1 unknown-section Daemon.-']],
    ['[daemon]\nconfg=x', ['2 unknown-setting daemon.confg']],
    ['[daemon]\n__proto__=x', ['2 unknown-setting daemon.__proto__']],
    ['[daemon]\nconstructor=x', ['2 unknown-setting daemon.constructor']],
    ['[daemon]\nstanza_bytes=20000', ['2 unknown-setting daemon.stanza_bytes']],
    ['config=x', ['1 no-section -.config']],
    ['[daemon]\nconfig', ['2 bad-line daemon.-']],
    ['[daemon]\n=x', ['2 bad-line daemon.-']],
    ['[daemon]\nconfig[]=x', ['2 bad-line daemon.-']],
    ['[daemon] ; the daemon\nconfig=x', ['1 bad-line -.-', '2 no-section -.config']],
    [' [daemon]', ['1 bad-line -.-']],
    ['[daemon]\nconfig=a\nconfig=b', ['3 setting-twice daemon.config']],
    ['[daemon]\nconfig=a\n[limits]\n[daemon]\nconfig=b', ['5 setting-twice daemon.config']],
    ['[daemon]\nconfig=', ['2 bad-value daemon.config']],
    ['[daemon]\nconfig=null', ['2 bad-value daemon.config']],
    [`[daemon]\ncontrol=/${'x'.repeat(107)}`, ['2 bad-value daemon.control']],
    ['[daemon]\ntimestamps=maybe', ['2 bad-value daemon.timestamps']],
    ['[daemon]\ntimestamps=', ['2 bad-value daemon.timestamps']],
    ['[limits]\nstanza_bytes=9999', ['2 bad-value limits.stanza_bytes']],
    ['[pubsub]\nport=0', ['2 bad-value pubsub.port']],
    ['[pubsub]\nhost=a b', ['2 bad-value pubsub.host']],
    ['[pubsub]\ntls=starttls', ['2 bad-value pubsub.tls']],
    ['[pubsub]\nsecret=', ['2 bad-value pubsub.secret']],
    ['[pubsub]\nnodes_per_owner=-1', ['2 bad-value pubsub.nodes_per_owner']],
    ['[limits]\nstanza_bytes=16777217', ['2 bad-value limits.stanza_bytes']],
    ['[limits]\nstanza_bytes=1e6', ['2 bad-value limits.stanza_bytes']],
    ['[limits]\nstanza_bytes=020000', ['2 bad-value limits.stanza_bytes']],
    ['[limits]\nstanza_bytes=-20000', ['2 bad-value limits.stanza_bytes']],
    ['[limits]\nstanza_bytes=20 000', ['2 bad-value limits.stanza_bytes']],
    ["[limits]\nstanza_bytes='[20000]'", ['2 bad-value limits.stanza_bytes']],
    ['[limits]\ninbox_messages=0', ['2 bad-value limits.inbox_messages']],
    ['[limits]\ninbox_messages=1000001', ['2 bad-value limits.inbox_messages']],
    ['[limits]\ninbox_bytes=65535', ['2 bad-value limits.inbox_bytes']],
    ['[limits]\ninbox_bytes=1073741825', ['2 bad-value limits.inbox_bytes']],
    ['[Events]', ['1 unknown-section Events.-']],
    ['[events]\neid=', ['2 bad-value events.eid']],
    ['[events]\neid=02:00:00:00:00', ['2 bad-value events.eid']],
    ['[events]\neid=00:00:00:00:00:00', ['2 bad-value events.eid']],
    ['[events]\neid=02-00-00-00-00-01', ['2 bad-value events.eid']],
    ['[events]\neid=020000000001', ['2 bad-value events.eid']],
    ['[events]\nexpire=-1', ['2 bad-value events.expire']],
    ['[events]\nexpire=2000001', ['2 bad-value events.expire']],
    ['[events]\nexpire=60s', ['2 bad-value events.expire']],
    ['[events]\nexpire=0.5', ['2 bad-value events.expire']],
    ['[events]\nleave=', ['2 bad-value events.leave']],
    ['[events]\nleave=yes', ['2 bad-value events.leave']],
    ['[events]\nleaves=mark', ['2 unknown-setting events.leaves']],
    ['[events]\nleave=mark\nleave=keep', ['3 setting-twice events.leave']],
    ['[limits]\nexpire=60', ['2 unknown-setting limits.expire']],
    [
      '[limits]\r\n\r\ninbox_bytes=x\r\n[daemon]\r\ncofnig=x',
      ['3 bad-value limits.inbox_bytes', '5 unknown-setting daemon.cofnig'],
    ],
  ]
  for (const [text, want] of cases) {
    const { problems } = await parseSettings(text, file)
    const found = problems.map(p => `${p.line} ${p.code} ${p.section ?? '-'}.${p.option ?? '-'}`)
    t.strictSame(found, want, JSON.stringify(text))
    for (const { severity, file: named } of problems) t.strictSame([severity, named], ['error', file])
  }
})

t.test('a setting in error has its default, the others live', async t => {
  const { settings } = await parseSettings(
    '[limits]\ninbox_bytes=x\ninbox_messages=7\n[daemon]\nconfig=a\nconfig=b\n[events]\neid=x\nexpire=60\nleave=x\n',
    file,
  )
  t.strictSame(settings.events, { ...defaults.events, expire: 60 })
  t.strictSame(settings.limits, { ...defaults.limits, inbox_messages: 7 })
})

t.test('messages suggest', async t => {
  const message = async (text: string) => (await parseSettings(text, file)).problems.map(formatProblem).join()
  t.equal(await message('[deamon]'), `${file}:1: error: [deamon] there is no such section (did you mean "daemon"?)`)
  t.match(await message('[daemon]\ntimestamp=1'), /timestamp: there is no such setting \(did you mean "timestamps"\?\)/)
  t.match(await message('[limits]\ncontrol=1'), /control: there is no such setting: it belongs into \[daemon\]/)
  t.match(await message('[limits]\nexpire=60'), /expire: there is no such setting: it belongs into \[events\]/)
  t.match(await message('[events]\nleave=stay'), /expected mark, retract or keep/)
  t.match(await message('[events]\neid=0'), /expected six bytes such as 02:00:00:00:00:01, not all of them 0/)
  t.match(await message('[limits]\ninbox_messages=0'), /expected a whole number from 1 to 1000000/)
})
