import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { connectClient } from '../src/client.ts'
import { onEvery } from '../src/routes.ts'
import type { Session } from '../src/session.ts'
import { el } from '../src/stream/element.ts'
import { startLoopback } from '../src/testing/index.ts'
import { rejects } from './helper/rejects.ts'

const file = (name: string): string => fileURLToPath(new URL(`../examples/${name}`, import.meta.url))

/** Runs an example as its head says, and resolves with the first line it prints. */
async function start(t: Test, name: string, env: Record<string, string>): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', file(name)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    await ended
  })
  const [line] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')
  return line
}

t.test('echo.ts answers with the same words', async t => {
  const server = await startLoopback({ users: { 'bot@demo.test': 'pw-bot', 'anna@demo.test': 'pw-anna' } })
  t.teardown(() => server.stop())
  const ca = join(t.testdir(), 'ca.pem')
  writeFileSync(ca, server.ca)
  const PORT = `${server.port}`
  const line = await start(t, 'echo.ts', {
    JID: 'bot@demo.test/x',
    PASSWORD: 'pw-bot',
    HOST: server.host,
    PORT,
    CA: ca,
  })
  t.equal(line, 'online as bot@demo.test/x')

  const { session, answer } = await anna(server)
  t.teardown(() => session.close())
  const body = session.stanza('body', {}, 'Grüße\n <&> ☎')
  session.send(session.stanza('message', { to: 'bot@demo.test/x', type: 'chat' }, body))
  t.same(await answer, ['bot@demo.test/x', 'Grüße\n <&> ☎'])
})

t.test('component.ts has a bot at each of two addresses, and nobody at the others', async t => {
  const server = await startLoopback({
    users: { 'anna@demo.test': 'pw-anna' },
    components: { 'bots.demo.test': 'tick' },
  })
  t.teardown(() => server.stop())
  const PORT = `${server.componentPort}`
  const line = await start(t, 'component.ts', { DOMAIN: 'bots.demo.test', SECRET: 'tick', HOST: server.host, PORT })
  t.equal(line, 'attached as bots.demo.test')

  const { session, answer } = await anna(server)
  t.teardown(() => session.close())
  const asked = 'time@bots.demo.test/tower'
  const result = await session.iq('get', asked, el('time', 'urn:xmpp:time'))
  t.equal(result.attrs.from, asked)
  const utc = result.child('time', 'urn:xmpp:time')?.childText('utc') ?? ''
  t.ok(Math.abs(Date.parse(utc) - Date.now()) < 60_000, utc)

  const echo = 'echo@bots.demo.test'
  session.send(session.stanza('message', { to: echo, type: 'chat' }, session.stanza('body', {}, 'Grüße')))
  t.same(await answer, [echo, 'Grüße'])
  for (const [to, condition] of [
    [echo, 'service-unavailable'],
    ['gone@bots.demo.test', 'item-not-found'],
  ] as const) {
    await rejects(t, session.iq('get', to, el('time', 'urn:xmpp:time')), { condition }, to)
  }
})

t.test('the examples are as short as they promise', async t => {
  for (const name of ['echo.ts', 'component.ts']) {
    t.ok(readFileSync(file(name), 'utf8').split('\n').length <= 40, name)
  }
})

/** Someone to talk to the example; `answer` is the first message she gets. */
async function anna({ host, port, ca }: { host: string; port: number; ca: string }) {
  let heard!: (message: [string | undefined, string | undefined]) => void
  const answer = new Promise<[string | undefined, string | undefined]>(resolve => {
    heard = resolve
  })
  const listen = onEvery('message', stanza => heard([stanza.attrs.from, stanza.childText('body')]))
  const xeps = [{ name: 'anna', routes: [listen] }]
  const session: Session = await connectClient({ jid: 'anna@demo.test/a', password: 'pw-anna', host, port, ca, xeps })
  session.run().catch(() => {})
  return { session, answer }
}

t.test('component.ts without its domain and secret says so, and ends', async t => {
  const child = spawn(process.execPath, ['--import', 'tsx', file('component.ts')], {
    env: { ...process.env, DOMAIN: '', SECRET: '' },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let err = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    err += text
  })
  const [code] = await once(child, 'close')
  t.equal(code, 2)
  t.match(err, /^DOMAIN and SECRET have to say /)
})
