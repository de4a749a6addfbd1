import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Io } from '../../src/daemon/io.ts'
import { rx } from '../../src/daemon/rx.ts'

/** Runs `rx` with a runtime directory of its own, and collects what it says. */
async function run(directory: string, argv = ['help']): Promise<{ code: number; err: string }> {
  let err = ''
  const io: Io = {
    stdout: () => {},
    stderr: text => {
      err += text
    },
    env: { XDG_RUNTIME_DIR: directory },
    signal: new AbortController().signal,
    onHangup: () => {},
  }
  return { code: await rx(argv, io), err }
}

t.test('a command goes to one daemon at most', async t => {
  // Short, for the path of a socket may have 107 bytes.
  const directory = mkdtempSync(join(tmpdir(), 'rx-'))
  t.teardown(() => rmSync(directory, { recursive: true }))

  const nobody = await run(directory)
  t.equal(nobody.code, 3)
  t.match(nobody.err, /no daemon answers at .*res-xmpp\.sock .*; no daemon answers at \/run\/res-xmpp\/control /)

  const server = createServer(socket => socket.once('data', () => socket.destroy()))
  await new Promise<void>(resolve => server.listen(join(directory, 'res-xmpp.sock'), resolve))
  t.teardown(() => server.close())
  const dying = await run(directory)
  t.equal(dying.code, 3)
  t.match(dying.err, /no daemon answers at .*res-xmpp\.sock /)
  t.notMatch(dying.err, /\/run\/res-xmpp/, 'one that took the command and died may have run it')
})

t.test(
  "another user's daemon",
  { skip: process.getuid?.() === 0 ? false : 'only root can become someone else' },
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'rx-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    chmodSync(directory, 0o755)
    const control = join(directory, 's')
    const server = createServer()
    await new Promise<void>(resolve => server.listen(control, resolve))
    t.teardown(() => server.close())
    chmodSync(control, 0o600)
    process.seteuid?.(65534)
    t.teardown(() => process.seteuid?.(0))
    const asked = await run(directory, ['--control', control, 'help']).finally(() => process.seteuid?.(0))
    t.strictSame(asked, {
      code: 3,
      err: `res-xmpp: this user may not talk to the daemon at ${control} (EACCES): only its owner may, with the id 0; run the command as that user\n`,
    })
  },
)
