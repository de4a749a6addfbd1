/** Buddies own the nodes, whatever comes between. */
import t from 'tap'
import { StanzaError } from '../../../src/errors.ts'
import { errorReply } from '../../../src/testing/stanza.ts'
import { pbx, service } from './pbx.ts'

t.test('owners that a service could not take for now are named again', async t => {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one'), pbx(t, server, 'two')]
  let refused = 0
  server.onStanza = (stanza, sender) => {
    if (!stanza.toString().includes('<affiliations') || refused >= 2) return undefined
    refused++
    const reply = errorReply(stanza, new StanzaError('wait', 'resource-constraint'))
    if (reply !== undefined) setImmediate(() => server.send(sender, reply))
    return []
  }
  one.bus.setDevice('Custom:lobby', 'INUSE')
  one.account.start()
  await one.warned(/could not be made owners/)
  two.account.start()
  await two.device('Custom:lobby', 'INUSE')
})

t.test('and those that a lost connection has come before', async t => {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one'), pbx(t, server, 'two')]
  let dropped = false
  server.onStanza = (stanza, sender) => {
    if (!stanza.toString().includes('<affiliations') || dropped) return undefined
    dropped = true
    server.drop(sender)
    server.forgetSessions(sender)
    return []
  }
  one.bus.setDevice('Custom:lobby', 'INUSE')
  one.account.start()
  await one.next('offline')
  two.account.start()
  await two.device('Custom:lobby', 'INUSE')
})

t.test('a buddy of a reload without a connection owns what is there', async t => {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one', { config: { buddy: [] } }), pbx(t, server, 'two')]
  one.bus.setDevice('Custom:lobby', 'INUSE')
  one.account.start()
  await one.next('connected')
  two.account.start()
  await two.warned(/cannot be subscribed to/)
  server.drop('one@example.com')
  await one.next('offline')
  await one.account.update({ ...one.account.config, buddy: ['two@example.com'] }, new Set(['buddies'] as const))
  await two.device('Custom:lobby', 'INUSE')
})

t.test('also of what was there before we were started', async t => {
  const server = await service(t)
  const [one, two] = [pbx(t, server, 'one', { config: { buddy: [] } }), pbx(t, server, 'two')]
  one.account.start()
  one.bus.setDevice('Custom:lobby', 'INUSE')
  await one.next('connected')
  two.account.start()
  await two.warned(/cannot be subscribed to/)
  await one.account.stop()
  one.account.start()
  await one.next('connected')
  one.bus.setDevice('Custom:lobby', 'BUSY')
  await one.account.update({ ...one.account.config, buddy: ['two@example.com'] }, new Set(['buddies'] as const))
  await two.device('Custom:lobby', 'BUSY')
})
