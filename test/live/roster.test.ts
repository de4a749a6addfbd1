/** What an account does with its roster, its buddies and its presence, as a second client of a real server sees it. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type AccountConfig, loadConfig } from '../../src/config/index.ts'
import { files } from '../../src/daemon/files.ts'
import {
  availablePresence,
  discoInfo,
  el,
  fetchRoster,
  onEvery,
  readCaps,
  type Session,
  verified,
  type Xep,
} from '../../src/index.ts'
import type { Element } from '../../src/stream/element.ts'
import { NS_ROSTER, updateRoster } from '../../src/xep/roster.ts'
import { watched } from '../account/setting.ts'
import { Waiters } from '../helper/waiters.ts'
import { clientSection } from './daemon.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { login, newUser, type User } from './users.ts'

t.setTimeout(120_000)

/** ms for what takes a server a moment. */
const PATIENCE = 15_000

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    t.test('subscriptions both ways, presence, and what we can do', t => friends(t, server))
    t.test('auth_policy=deny', t => refused(t, server))
    t.test('autoprune, and check --roster beforehand', t => pruned(t, server))
    t.test('roster versions', t => versions(t, server))
  })
}

function configure(t: Test, user: User, options: Parameters<typeof clientSection>[2]): AccountConfig {
  const directory = t.testdir({ 'xmpp.conf': clientSection('desk', user, options) })
  const { accounts, problems } = loadConfig(join(directory, 'xmpp.conf'), files)
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (accounts[0] === undefined || errors.length > 0) throw new Error(JSON.stringify(problems))
  return accounts[0]
}

/** A client that keeps all presence it is sent. */
async function friend(
  t: Test,
  user: User,
): Promise<{ session: Session; next: (fits: (presence: Element) => boolean) => Promise<Element> }> {
  const seen: Element[] = []
  const waiters = new Waiters()
  const hear: Xep = {
    name: 'hear',
    routes: [
      onEvery('presence', stanza => {
        seen.push(stanza)
        waiters.wake()
      }),
    ],
  }
  const session = await login(t, user, { xeps: [hear] })
  await fetchRoster(session)
  await session.send(session.stanza('presence'))
  const next = (fits: (presence: Element) => boolean): Promise<Element> =>
    waiters.until(
      () => {
        const at = seen.findIndex(fits)
        return at < 0 ? undefined : seen.splice(at, 1)[0]
      },
      () => `no such presence among ${seen.join('')}`,
      PATIENCE,
    )
  return { session, next }
}

async function friends(t: Test, server: LiveServer): Promise<void> {
  const [user, other] = [await newUser(t, server, 'desk'), await newUser(t, server, 'peer')]
  const { session, next } = await friend(t, other)
  const { account, next: event } = watched(t, configure(t, user, { buddy: other.jid, statusmessage: 'At the desk' }))
  account.start()
  await event('connected')
  const asked = await next(({ attrs }) => attrs.type === 'subscribe')
  t.match(asked.attrs.from, user.jid)
  await session.send(session.stanza('presence', { to: user.jid, type: 'subscribed' }))
  await session.send(session.stanza('presence', { to: user.jid, type: 'subscribe' }))
  await next(({ attrs }) => attrs.type === 'subscribed')
  const available = await next(({ attrs }) => attrs.type === undefined && attrs.from === account.jid)
  t.equal(available.childText('status'), 'At the desk')
  await event('presence', ({ from }) => from === session.jid)
  t.equal(account.status(other.jid), 1)

  const announced = readCaps(available)
  t.ok(announced)
  // jabberd2 answers disco#info for its users itself, with something else: nobody can check anything there.
  const checkable = server.name !== 'jabberd2'
  if (announced !== undefined && checkable) {
    const info = await discoInfo(session, account.jid, { node: `${announced.node}#${announced.ver}` })
    t.ok(
      verified(info, announced.hash ?? '', announced.ver),
      'what we announce is what we are, as the other one computes it',
    )
  }
  // And the other way round: the library announces itself too, and the account has looked that up.
  const known = (): boolean => {
    const resource = account.buddies.get(other.jid)?.resources.values().next().value
    return resource !== undefined && account.capabilities(resource)?.verified === true
  }
  await session.send(availablePresence(session))
  const deadline = Date.now() + PATIENCE
  while (checkable && !known() && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(known(), checkable, 'it is verified over the server')

  account.show({ status: 'dnd', statusmessage: 'in a meeting' })
  const changed = await next(
    ({ attrs, elements }) => attrs.from === account.jid && elements.some(({ text }) => text === 'in a meeting'),
  )
  t.equal(changed.childText('show'), 'dnd')
  await account.stop()
  await next(({ attrs }) => attrs.type === 'unavailable' && attrs.from === account.jid)
  t.pass('it is seen to leave')
}

async function refused(t: Test, server: LiveServer): Promise<void> {
  const [user, other] = [await newUser(t, server, 'desk'), await newUser(t, server, 'peer')]
  const { session, next } = await friend(t, other)
  const { account, next: event } = watched(t, configure(t, user, { auth_policy: 'deny' }))
  account.start()
  await event('connected')
  await session.send(session.stanza('presence', { to: user.jid, type: 'subscribe' }))
  t.match(await event('subscription'), { from: other.jid, action: 'refused' })
  // jabberd2 passes no refusal on to whoever was not subscribed before.
  if (server.name !== 'jabberd2') await next(({ attrs }) => attrs.type === 'unsubscribed')
  const roster = await fetchRoster(session)
  t.notOk(
    roster.some(({ jid, subscription }) => jid === user.jid && (subscription === 'to' || subscription === 'both')),
  )
  t.equal(account.buddies.size, 0, 'nobody is asked in return')
}

async function pruned(t: Test, server: LiveServer): Promise<void> {
  const user = await newUser(t, server, 'desk')
  const session = await login(t, user)
  const names = ['a', 'b', 'c'].map(name => `${name}@${server.domain}`)
  for (const jid of names)
    await session.iq('set', undefined, el('query', NS_ROSTER, {}, el('item', NS_ROSTER, { jid })))
  const config = configure(t, user, { autoprune: 'yes', autoregister: 'no', buddy: names[1] as string })
  const { readRoster, pruning } = await import('../../src/account/index.ts')
  const read = await readRoster(config, { signal: new AbortController().signal, onWarning: text => t.comment(text) })
  t.same(
    pruning(read, config)
      .remove.map(({ jid }) => jid)
      .sort(),
    [names[0], names[2]],
  )

  const { account, next } = watched(t, config)
  account.start()
  const { removed, failed } = await next('pruned')
  t.same([...removed].sort(), [names[0], names[2]])
  t.same(failed, [])
  t.same(
    (await fetchRoster(session)).map(({ jid }) => jid),
    [names[1]],
    'another resource sees it',
  )
  t.same(
    account.buddies.list().map(({ jid }) => jid),
    [names[1]],
  )
}

async function versions(t: Test, server: LiveServer): Promise<void> {
  const user = await newUser(t, server, 'desk')
  const session = await login(t, user)
  if (session.negotiated.rosterVersioning === undefined) {
    t.equal(server.name, 'jabberd2', 'the others have them')
    return
  }
  const add = (jid: string) => session.iq('set', undefined, el('query', NS_ROSTER, {}, el('item', NS_ROSTER, { jid })))
  await add(`a@${server.domain}`)
  const first = await updateRoster(session, undefined)
  t.equal(first?.items.length, 1)
  t.type(first?.ver, 'string')
  const again = await updateRoster(session, first?.ver)
  // jabberd2 announces versions and sends all of it every time.
  if (server.name === 'jabberd2') t.equal(again?.items.length, 1)
  else t.equal(again, undefined, 'nothing has changed')
  await add(`b@${server.domain}`)
  // Servers may tell the difference as pushes instead, behind an answer without roster.
  const second = await updateRoster(session, first?.ver)
  if (second !== undefined) t.equal(second.items.length, 2)
  t.equal((await updateRoster(session, undefined))?.items.length, 2)
}
