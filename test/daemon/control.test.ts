import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  askControl,
  type ControlHandler,
  type ControlRequest,
  defaultControlPath,
  serveControl,
} from '../../src/daemon/control.ts'
import { rejects } from '../helper/rejects.ts'
import { directory } from './program.ts'

const echo: ControlHandler = async request => ({ exit: 0, out: JSON.stringify(request), err: '' })

/** A socket served until the test is over. */
async function serve(t: Test, handler: ControlHandler = echo, path = join(directory(t), 's')): Promise<string> {
  const stop = await serveControl(path, handler)
  t.teardown(stop)
  return path
}

/** Whatever comes back for raw bytes. */
async function raw(path: string, data: string | Buffer, end = false): Promise<string> {
  const socket = connect(path)
  socket.write(data)
  if (end) socket.end()
  return text(socket)
}

async function text(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

t.test('where it is when nobody says', async t => {
  t.equal(defaultControlPath({ XDG_RUNTIME_DIR: '/run/user/7' }), '/run/user/7/res-xmpp.sock')
  t.equal(defaultControlPath({}), '/run/res-xmpp/control')
  t.equal(defaultControlPath({ XDG_RUNTIME_DIR: '' }), '/run/res-xmpp/control')
})

t.test('only its owner may open it, whatever the umask, which stays as it was', async t => {
  const before = process.umask(0o000)
  t.teardown(() => process.umask(before))
  const path = await serve(t)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(process.umask(), 0o000)
  await rejects(t, serveControl(join(directory(t), 'none', 's'), echo), { code: 'CONTROL_SOCKET' })
  t.equal(process.umask(), 0o000, 'after a failure too')
})

t.test('a directory that does not exist', async t => {
  const none = join(directory(t), 'none')
  await rejects(t, serveControl(join(none, 's'), echo), {
    code: 'CONTROL_SOCKET',
    message: new RegExp(
      `^cannot listen on ${none}/s: there is no directory ${none}; make it, or name another place with`,
    ),
  })
})

t.test('the socket goes when the daemon does', async t => {
  const path = join(directory(t), 's')
  const stop = await serveControl(path, echo)
  t.ok(existsSync(path))
  await stop()
  t.notOk(existsSync(path))
})

t.test('what has taken its name meanwhile stays', async t => {
  const path = join(directory(t), 's')
  const stop = await serveControl(path, echo)
  rmSync(path)
  await serve(t, echo, path)
  await stop()
  t.match(await askControl(path, { argv: ['x'], json: false }), { exit: 0 }, 'the other daemon is still reached')
})

t.test('a leftover is removed', async t => {
  const path = join(directory(t), 's')
  await leaveBehind(path)
  t.ok(lstatSync(path).isSocket())
  await serve(t, echo, path)
  t.match(await askControl(path, { argv: ['x'], json: false }), { exit: 0 })
})

t.test('of several daemons that find the same leftover one has it, and none takes it away again', async t => {
  for (let round = 0; round < 5; round++) {
    const path = join(directory(t), 's')
    await leaveBehind(path)
    const started = await Promise.allSettled(Array.from({ length: 4 }, () => serveControl(path, echo)))
    const stops = started.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    t.teardown(() => Promise.all(stops.map(stop => stop())))
    t.equal(stops.length, 1)
    for (const result of started) if (result.status === 'rejected') t.match(result.reason, { code: 'CONTROL_SOCKET' })
    t.match(await askControl(path, { argv: ['x'], json: false }), { exit: 0 })
  }
})

/** A socket file that nobody listens on any more. */
async function leaveBehind(path: string): Promise<void> {
  const { execFileSync } = await import('node:child_process')
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  try {
    execFileSync(process.execPath, ['-e', script])
  } catch {
    // Killed, as it was told.
  }
}

t.test('a live one is refused and stays', async t => {
  const path = await serve(t)
  await rejects(t, serveControl(path, echo), { code: 'CONTROL_SOCKET', message: /another daemon/ })
  t.match(await askControl(path, { argv: ['x'], json: false }), { exit: 0 }, 'it still answers')
})

t.test("another program's socket is refused and stays, even if it hangs up at once", async t => {
  const path = join(directory(t), 's')
  const server: Server = createServer(socket => socket.destroy())
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
  await rejects(t, serveControl(path, echo), { code: 'CONTROL_SOCKET' })
  t.ok(existsSync(path))
})

t.test('what is no socket is never touched', async t => {
  const path = join(directory(t), 's')
  writeFileSync(path, 'precious')
  await rejects(t, serveControl(path, echo), { code: 'CONTROL_SOCKET', message: /no socket/ })
  t.equal(readFileSync(path, 'utf8'), 'precious')
  rmSync(path)
  mkdirSync(path)
  await rejects(t, serveControl(path, echo), { code: 'CONTROL_SOCKET', message: /no socket/ })
  t.ok(lstatSync(path).isDirectory())
  await rejects(t, serveControl('', echo), { code: 'CONTROL_SOCKET' })
})

t.test("a symbolic link is not followed to somebody else's socket", async t => {
  const dir = directory(t)
  symlinkSync('target', join(dir, 's'))
  await rejects(t, serveControl(join(dir, 's'), echo), { code: 'CONTROL_SOCKET', message: /no socket/ })
  t.ok(lstatSync(join(dir, 's')).isSymbolicLink())
})

t.test('the socket of another user stays', { skip: process.getuid?.() !== 0 && 'only root can make one' }, async t => {
  const { chownSync } = await import('node:fs')
  const path = join(directory(t), 's')
  await leaveBehind(path)
  chownSync(path, 1, 1)
  await rejects(t, serveControl(path, echo), { code: 'CONTROL_SOCKET', message: /another user/ })
  t.ok(existsSync(path))
  chmodSync(path, 0o600)
})

t.test('a path too long for a socket is refused rather than cut short', async t => {
  const dir = directory(t)
  const fits = join(dir, 'x'.repeat(107 - Buffer.byteLength(dir) - 1))
  await serve(t, echo, fits)
  t.ok(existsSync(fits))
  await rejects(t, serveControl(`${fits}y`, echo), { code: 'CONTROL_SOCKET', message: /too long/ })
  const wide = join(dir, '\u00e4'.repeat(Math.ceil((107 - Buffer.byteLength(dir)) / 2)))
  await rejects(t, serveControl(wide, echo), { code: 'CONTROL_SOCKET', message: /too long/ })
})

t.test('a path that looks like a number is a path and no TCP port', async t => {
  const before = process.cwd()
  process.chdir(directory(t))
  t.teardown(() => process.chdir(before))
  await serve(t, echo, '47113')
  t.ok(lstatSync('47113').isSocket())
  t.match(await askControl('47113', { argv: ['x'], json: false }), { exit: 0 })
  await rejects(t, serveControl('47113', echo), { code: 'CONTROL_SOCKET', message: /another daemon/ })
})

t.test('argument boundaries, and every character, survive', async t => {
  const path = await serve(t)
  const argv = [
    'two words',
    '',
    ' ',
    'new\nline',
    '"quotes\'',
    '\\',
    '😀',
    '\u0000',
    '--json',
    '$(x)',
    'ü'.repeat(70_000),
  ]
  for (const json of [true, false]) {
    const request: ControlRequest = { argv, json }
    const { out } = await askControl(path, request)
    t.strictSame(JSON.parse(out), request)
  }
})

t.test('a request may come in pieces, cut inside a character', async t => {
  const path = await serve(t)
  const socket = connect(path)
  const answer = text(socket)
  for (const byte of Buffer.from('{"argv":["grün"]}\n')) {
    socket.write(Buffer.of(byte))
    await new Promise(resolve => setImmediate(resolve))
  }
  t.match(JSON.parse(JSON.parse(await answer).out), { argv: ['grün'], json: false })
})

t.test('a large answer arrives whole', async t => {
  const out = 'äöü\n'.repeat(1_000_000)
  const path = await serve(t, async () => ({ exit: 3, out, err: 'e' }))
  const reply = await askControl(path, { argv: [], json: false })
  t.equal(reply.out, out)
  t.match(reply, { exit: 3, err: 'e' })
})

t.test('garbage is answered as such, and harms nobody', async t => {
  let calls = 0
  const path = await serve(t, async request => {
    calls++
    return echo(request, AbortSignal.abort())
  })
  const garbage = [
    'GET / HTTP/1.1\n',
    '\n',
    '{}\n',
    'null\n',
    '[]\n',
    '{"argv":"x"}\n',
    '{"argv":[1]}\n',
    '{"argv":["x",null]}\n',
    '{"argv":["x"]\n',
    Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
  ]
  for (const data of garbage) {
    t.match(JSON.parse(await raw(path, data)), { exit: 2, err: 'that is no request\n' }, JSON.stringify(`${data}`))
  }
  t.equal(calls, 0)
  t.match(await askControl(path, { argv: ['x'], json: false }), { exit: 0 })
})

t.test('a request that is never finished is given up when its sender goes', async t => {
  const path = await serve(t)
  const began = performance.now()
  t.match(JSON.parse(await raw(path, '{"argv":["x"', true)), { exit: 2, err: 'that is no request\n' })
  t.ok(performance.now() - began < 5000, 'and not only when its time is up')
})

t.test('a request has a bound', async t => {
  const path = await serve(t)
  const socket = connect(path).on('error', () => {})
  const answer = text(socket)
  socket.write('x'.repeat(1_200_000))
  t.match(JSON.parse(await answer), { exit: 2, err: 'that is no request\n' })
})

t.test('two clients at once do not wait for one another', async t => {
  let release: (() => void) | undefined
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  const path = await serve(t, async ({ argv }) => {
    if (argv[0] === 'slow') await held
    return { exit: 0, out: argv[0] ?? '', err: '' }
  })
  const slow = askControl(path, { argv: ['slow'], json: false })
  t.equal((await askControl(path, { argv: ['quick'], json: false })).out, 'quick')
  release?.()
  t.equal((await slow).out, 'slow')
})

t.test('more than 256 at once are told so, and the next may come when one has gone', async t => {
  let begun = 0
  let full: (() => void) | undefined
  const all = new Promise<void>(resolve => {
    full = resolve
  })
  const path = await serve(t, async ({ argv }, signal) => {
    if (argv[0] === 'quick') return { exit: 0, out: '', err: '' }
    if (++begun === 256) full?.()
    await once(signal, 'abort')
    throw signal.reason
  })
  const sockets = Array.from({ length: 256 }, () => connect(path))
  for (const socket of sockets) socket.write('{"argv":["wait"]}\n')
  await all
  const slow = connect(path)
  const [refusal] = await once(slow, 'data')
  slow.end('{"argv":["quick"]}\n')
  await once(slow, 'close')
  t.match(JSON.parse(`${refusal}`), { exit: 2 }, 'also who writes its request only then')
  t.strictSame(await askControl(path, { argv: ['quick'], json: false }), {
    exit: 2,
    out: '',
    err: '256 commands are being worked for already\n',
  })
  for (const socket of sockets) socket.destroy()
  let exit = 2
  for (const until = performance.now() + 5000; exit === 2 && performance.now() < until; ) {
    exit = (await askControl(path, { argv: ['quick'], json: false })).exit
  }
  t.equal(exit, 0)
})

t.test('a handler that fails is answered in words', async t => {
  const path = await serve(t, async () => {
    throw new Error('it broke')
  })
  t.strictSame(await askControl(path, { argv: ['x'], json: false }), { exit: 2, out: '', err: 'it broke\n' })
})

for (const how of ['end', 'destroy'] as const) {
  t.test(`who asks and goes away (${how}) is not worked for any more`, async t => {
    let begun: ((signal: AbortSignal) => void) | undefined
    const handling = new Promise<AbortSignal>(resolve => {
      begun = resolve
    })
    const path = await serve(t, async (_, signal) => {
      begun?.(signal)
      await once(signal, 'abort')
      throw signal.reason
    })
    const socket = connect(path).on('error', () => {})
    socket.write('{"argv":["x"]}\n')
    const signal = await handling
    t.notOk(signal.aborted)
    socket[how]()
    if (!signal.aborted) await once(signal, 'abort', { signal: AbortSignal.timeout(5000) })
    t.ok(signal.aborted)
  })
}

t.test('whoever waits when the daemon goes is told so', async t => {
  const path = join(directory(t), 's')
  let begun: (() => void) | undefined
  const handling = new Promise<void>(resolve => {
    begun = resolve
  })
  const stop = await serveControl(path, async (_, signal) => {
    begun?.()
    await once(signal, 'abort')
    throw signal.reason
  })
  const waiting = askControl(path, { argv: ['x'], json: false })
  waiting.catch(() => {})
  await handling
  await stop()
  await rejects(t, waiting, { message: /went away/ })
})

t.test('nobody there', async t => {
  await rejects(t, askControl(join(directory(t), 'none'), { argv: ['x'], json: false }), { code: 'ENOENT' })
})
