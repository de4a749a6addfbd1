/** What a client that stays connected makes of a server that throws it out. */
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import type { Clock } from '../../src/index.ts'
import { KeptClient } from './kept.ts'
import { type LiveServer, servers, skip } from './servers/servers.ts'
import { newUser } from './users.ts'

t.setTimeout(120_000)

for (const server of servers) {
  t.test(server.name, { skip }, async t => {
    t.test('the same resource twice', t => conflict(t, server))
    // jabberd2 says nothing to it.
    if (server.resumeTimeout !== undefined) t.test('600 kB', t => large(t, server))
  })
}

async function conflict(t: Test, server: LiveServer): Promise<void> {
  const user = await newUser(t, server, 'conflict')
  const older = new KeptClient(t, user)
  await older.until('online')
  const newer = new KeptClient(t, user)
  await newer.until('online')
  const [lost] = await older.until('offline')
  t.match(lost?.error, { name: 'StreamError', condition: 'conflict', by: 'peer' })
  t.ok(lost?.kept === undefined)
  t.ok((lost?.retryIn ?? 0) >= 60_000, `the older one waits ${lost?.retryIn} ms, or the two would fight`)
  newer.say('alone')
  await newer.hears(t, 'alone')
  t.strictSame(newer.all('offline'), [], 'the newer one is left in peace')
}

/** A minute takes 3 s. */
const hurried: Clock = {
  now: () => systemClock.now() * 20,
  after: (ms, run) => systemClock.after(ms / 20, run),
}

async function large(t: Test, server: LiveServer): Promise<void> {
  const client = new KeptClient(t, await newUser(t, server, 'large'), { stream: { clock: hurried }, timeout: 200_000 })
  await client.until('online')
  client.say('before')
  await client.hears(t, 'before')
  client.say('x'.repeat(600_000))
  const [lost] = await client.until('offline')
  t.match(lost?.error, { name: 'StreamError', condition: 'policy-violation', by: 'peer' })
  t.ok(lost?.kept === undefined)
  t.ok((lost?.retryIn ?? 0) >= 60_000, 'there is no haste')
  const failed = client.all('failed')
  t.match(
    failed.at(-1),
    { stanza: { name: 'message' }, error: { code: 'XMPP_UNACKNOWLEDGED' } },
    'it is told what has not arrived',
  )
  t.equal(failed.at(-1)?.stanza.childText('body')?.length, 600_000)

  const [, again] = await client.until('online', 2)
  t.equal(again?.resumed, false)
  client.say('after')
  await client.hears(t, 'before', 'after')
  t.equal(client.all('offline').length, 1, 'it is not sent again')
}
