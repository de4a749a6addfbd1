import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectClient } from '../../src/client.ts'
import { check } from '../../src/daemon/check.ts'
import type { Io } from '../../src/daemon/io.ts'
import { el } from '../../src/stream/element.ts'
import { startLoopback } from '../../src/testing/index.ts'
import { NS_ROSTER } from '../../src/xep/roster.ts'
import { rejects } from '../helper/rejects.ts'

/** What a check of files in a directory prints, the first of them; and its exit code. */
async function checked(
  t: Test,
  contents: Record<string, string>,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
) {
  const directory = t.testdir(contents)
  for (const name of Object.keys(contents)) chmodSync(join(directory, name), 0o600)
  const path = join(directory, Object.keys(contents)[0] as string)
  let out = ''
  const io = { env, stdout: (more: string) => (out += more), stderr: () => {} } as unknown as Io
  const code = await check([path, ...argv], io)
  return { code, out, path, directory }
}

t.test('--roster shows whom autoprune would remove, beside a daemon that is connected', async t => {
  const server = await startLoopback({ users: { 'juliet@example.com': 'secret' }, starttls: 'none' })
  t.teardown(() => server.stop())
  const other = await connectClient({
    jid: 'juliet@example.com/balcony',
    password: 'secret',
    host: '127.0.0.1',
    port: server.port,
    tls: 'never',
  })
  const running = other.run()
  for (const jid of ['romeo@example.com', 'nurse@example.com']) {
    await other.iq(
      'set',
      undefined,
      el('query', NS_ROSTER, {}, el('item', NS_ROSTER, { jid, name: jid.split('@')[0] })),
    )
  }
  const lines = `username=juliet@example.com/balcony\nsecret=secret\nserverhost=127.0.0.1\nport=${server.port}\nusetls=no\n`
  const contents = {
    'xmpp.conf': `[a]\n${lines}buddy=Romeo@example.com\n[b]\ntype=component\nusername=b.x\nsecret=x\nserverhost=127.0.0.1\n`,
  }
  const text = await checked(t, contents, ['--roster', 'A'])
  t.strictSame(
    [text.code, text.out],
    [
      0,
      `[a] contacts in the roster: 2
autoprune=yes would remove: 1
  nurse@example.com (subscription none, "nurse")
named by buddy and kept: 1
  romeo@example.com (subscription none, "romeo")
`,
    ],
  )
  const json = await checked(t, contents, ['--roster', 'a', '--json'])
  t.match(JSON.parse(json.out), {
    account: 'a',
    autoprune: false,
    remove: [{ jid: 'nurse@example.com' }],
    keep: [{ jid: 'romeo@example.com' }],
  })
  t.strictSame(server.connected, ['juliet@example.com/balcony'], 'the other one is there still, and the check is gone')
  t.equal((await checked(t, contents, ['--roster', 'b'])).code, 1)
  t.equal((await checked(t, contents, ['--roster', 'nosuch'])).code, 1)
  const wrong = { 'xmpp.conf': contents['xmpp.conf'].replace('=secret', '=hunter2') }
  const refused = await checked(t, wrong, ['--roster', 'a', '--json'])
  t.equal(refused.code, 1)
  t.match(JSON.parse(refused.out), { account: 'a', error: /not-authorized/ })
  await other.close()
  await running
})

t.test('it goes with neither --print nor --syntax-only', async t => {
  for (const other of ['--print', '--syntax-only']) {
    await rejects(t, checked(t, { x: '' }, ['--roster', 'a', other]), {
      message: '--roster goes with no --print and no --syntax-only',
    })
  }
})
