/** One daemon with accounts on every kind of server, as an ordinary xmpp.conf has them. */
import t from 'tap'
import { clientSection, Daemon } from './daemon.ts'
import { servers, skip } from './servers/servers.ts'
import { newUser } from './users.ts'

t.setTimeout(120_000)

t.test('an account on each server by STARTTLS, and one by direct TLS', { skip }, async t => {
  const users = await Promise.all(servers.map(server => newUser(t, server, 'three')))
  const accounts = users.flatMap(user => {
    const { name, directTlsPort: port } = user.server
    const direct = { forceoldssl: 'yes', port }
    return [
      { name, jid: `${user.jid}/${name}`, text: clientSection(name, user) },
      { name: `${name}direct`, jid: `${user.jid}/${name}direct`, text: clientSection(`${name}direct`, user, direct) },
    ]
  })
  const daemon = new Daemon(t, accounts.map(({ text }) => text).join(''))
  for (const { name, jid } of accounts)
    await daemon.logged(new RegExp(`NOTICE \\[${name}\\] Connected as ${jid} .*\\(TLS`))
  const lines = accounts.map(({ name, jid }) => `       [${name}] ${jid}     - Connected\n`).join('')
  const out = `Jabber Users and their status:\n${lines}----\n   Number of clients: ${accounts.length}\n`
  t.strictSame(await daemon.rx('xmpp', 'show', 'connections'), { exit: 0, out, err: '' })
  daemon.signal('SIGTERM')
  t.strictSame(await daemon.ended, { code: 0, signal: null })
  t.notMatch(daemon.log, / ERROR |^\s+at /m)
})
