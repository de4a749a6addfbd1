/** A daemon whose link is cut: it goes on with its session (XEP-0198 §5), and says so. */
import t from 'tap'
import { TcpProxy } from '../helper/proxy.ts'
import { clientSection, Daemon } from './daemon.ts'
import { servers, skip } from './servers/servers.ts'
import { login, newUser } from './users.ts'

t.setTimeout(120_000)

for (const server of servers.filter(({ resumeTimeout }) => resumeTimeout !== undefined)) {
  t.test(server.name, { skip }, async t => {
    const [user, other] = [await newUser(t, server, 'desk'), await newUser(t, server, 'other')]
    const proxy = await TcpProxy.start(t, server)
    const options = { port: proxy.port, timeout: 60, buddy: other.jid }
    const daemon = new Daemon(t, clientSection('desk', user, options))
    const desk = `${user.jid}/desk`
    const how = `${desk} at 127\\.0\\.0\\.1 port ${proxy.port} \\(TLSv1\\.3, ${server.mechanism}(; .+)?`
    await daemon.logged(new RegExp(`NOTICE \\[desk\\] Connected as ${how}`))
    const session = await login(t, other)
    const say = (body: string) =>
      session.send(session.stanza('message', { type: 'chat', to: desk }, session.stanza('body', {}, body)))
    say('before')
    const heard = async () => (await daemon.rx('xmpp', 'receive', 'desk', other.jid, '10')).out
    t.equal(await heard(), 'before\n')

    for (const times of [1, 2]) {
      proxy.cut()
      say(`while there is no link, ${times}`)
      await daemon.logged(/WARNING \[desk\] lost the connection to .*; trying again in [0-9.]+ s$/, times)
      await daemon.logged(new RegExp(`NOTICE \\[desk\\] Connected as ${how}; session resumed\\)$`), times)
      t.equal(await heard(), `while there is no link, ${times}\n`, 'what was said meanwhile comes, once')
      t.match((await daemon.rx('xmpp', 'show', 'connections')).out, `       [desk] ${desk}     - Connected\n`)
    }
    t.equal(daemon.count(/\[desk\] Connected as .*; session resumed\)/), 2, 'it is the session it began with')
    t.equal(proxy.accepted, 3)
    daemon.signal('SIGTERM')
    t.strictSame(await daemon.ended, { code: 0, signal: null })
    t.notMatch(daemon.log, / ERROR |^\s+at |may not have arrived/m)
  })
}
