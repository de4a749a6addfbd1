// node --expose-gc bench/accounts.mjs [COUNT]: many accounts of one xmpp.conf, from reading the file until all are connected to a loopback server in
// another process. `npm run build` first.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { settle, timed } from './lib/measure.mjs'

const count = Number(process.argv[2] ?? 1000)
const users = Array.from({ length: count }, (_, at) => `u${at}@example.com`)

if (process.send !== undefined) {
  const { startLoopback } = await import('../dist/testing/index.js')
  const accounts = Object.fromEntries(users.map(user => [user, 'secret']))
  const { port, ca } = await startLoopback({ users: accounts, connections: count + 10 })
  process.send({ port, ca })
  await once(process, 'disconnect')
  process.exit(0)
}

const server = fork(new URL(import.meta.url), [`${count}`])
const [{ port, ca }] = await once(server, 'message')
const { loadConfig } = await import('../dist/config/index.js')
const { Account, Turns } = await import('../dist/account/index.js')

const common = `[server](!)\nsecret = secret\nserverhost = 127.0.0.1\nport = ${port}\ntls_cafile = ca.pem\nautoregister = no\n`
const sections = users.map(
  (user, at) => `[a${at}](server)\nusername = ${user}\nbuddy = u${(at + 1) % count}@example.com\n`,
)
const files = new Map([
  ['/xmpp.conf', Buffer.from(common + sections.join(''))],
  ['/ca.pem', Buffer.from(ca)],
])
const source = { read: path => files.get(path), glob: () => [] }

await settle()
const before = process.memoryUsage()
let config
const load = await timed(async () => {
  config = loadConfig('/xmpp.conf', source)
})
const clock = {
  now: () => performance.now(),
  after: (ms, fn) =>
    (
      timer => () =>
        clearTimeout(timer)
    )(setTimeout(fn, ms)),
}
const turns = new Turns(clock)
const accounts = config.accounts.map(each => new Account(each, { turns }))
let slowest = 0
let failures = 0
const connected = await timed(() =>
  Promise.all(
    accounts.map(account => {
      let began = 0
      account.on('state', ({ state }) => {
        if (state === 'Connecting') began ||= performance.now()
      })
      account.on('offline', () => failures++)
      const done = new Promise(resolve => account.on('connected', resolve))
      account.start()
      return done.then(() => {
        slowest = Math.max(slowest, performance.now() - began)
      })
    }),
  ),
)
const after = process.memoryUsage()
await new Promise(resolve => setTimeout(resolve, 10_000))
await settle()
const later = process.memoryUsage()
const perAccount = ({ rss, heapUsed }) => ({
  rssKB: Math.round((rss - before.rss) / count / 102.4) / 10,
  heapKB: Math.round((heapUsed - before.heapUsed) / count / 102.4) / 10,
})
console.log(
  JSON.stringify({
    accounts: accounts.length,
    problems: config.problems.length,
    loadMs: Math.round(load.wall * 1e3),
    connectedSeconds: Number(connected.wall.toFixed(1)),
    cpuMsEach: Number(((connected.cpu * 1e3) / count).toFixed(2)),
    slowestLoginMs: Math.round(slowest),
    failures,
    atOnce: perAccount(after),
    later: perAccount(later),
  }),
)
await Promise.all(accounts.map(account => account.stop()))
server.disconnect()
