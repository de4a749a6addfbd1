/** Many who send at once through one client. */
import t, { type Test } from 'tap'
import { type Element, onEvery } from '../../src/index.ts'
import { Waiters } from '../helper/waiters.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { login, newUser } from './users.ts'

t.setTimeout(120_000)

const SENDERS = 200
const EACH = 20

for (const server of servers.filter(({ name }) => name !== 'jabberd2')) {
  t.test(server.name, { skip }, t => many(t, server))
}

async function many(t: Test, server: LiveServer): Promise<void> {
  const [user, other] = [await newUser(t, server, 'many'), await newUser(t, server, 'all')]
  const arrivals = new Map<string, number>()
  const news = new Waiters()
  let count = 0
  const take = ({ attrs: { id = '' } }: Element): void => {
    arrivals.set(id, (arrivals.get(id) ?? 0) + 1)
    count++
    news.wake()
  }
  const receiver = await login(t, other, {
    xeps: [{ name: 'listener', routes: [onEvery('message', take)] }],
    // A server holds only so many for one that has to acknowledge them.
    streamManagement: false,
  })
  const session = await login(t, user)
  t.equal(session.stream.transport.tls?.version, 'TLSv1.3')
  const say = (id: string): void =>
    void session.send(
      session.stanza('message', { type: 'chat', to: receiver.jid, id }, session.stanza('body', {}, `by ${id} 日本 🙂`)),
    )

  const sender = async (name: number): Promise<void> => {
    for (let number = 0; number < EACH; number++) {
      say(`${name}-${number}`)
      // The others have their turn, but the message is not waited for.
      await undefined
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, (_, name) => sender(name)))
  const all = SENDERS * EACH
  await news.until(
    () => count >= all || undefined,
    () => `${count} of ${all} have arrived`,
    60_000,
  )
  say('last')
  await news.until(
    () => arrivals.has('last') || undefined,
    () => 'the last one has not arrived',
    10_000,
  )
  t.equal(arrivals.size, all + 1, 'each of them')
  t.equal(count, all + 1, 'once')
  const [...order] = arrivals.keys()
  const ordered = Array.from({ length: SENDERS }, (_, name) => order.filter(id => id.startsWith(`${name}-`)))
  const wanted = (name: number) => Array.from({ length: EACH }, (_, number) => `${name}-${number}`)
  t.ok(
    ordered.every((ids, name) => ids.join() === wanted(name).join()),
    'those of each sender in their order',
  )
}
