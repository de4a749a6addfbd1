import { chmod, type FileHandle, lstat, open, readdir, rename, unlink } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { nodeCrypto, nodeNet } from '../../builtin.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { XmppError } from '../../errors.ts'
import { codeOf, storeError } from './files.ts'

/** Lets go of what was taken. */
export type Release = () => Promise<void>

/**
 * Takes a directory for one holder. Whoever wants it listens on a Unix socket of its own in it, `lock-` and something random, and then asks all others there are: it
 * has the directory when none is alive. Of two that come at once each sees the other, or one came too late and sees the first; the lower name goes on, the other gives way. When a process is killed
 * nobody answers at its socket any more, and since no name comes twice that can be removed without taking away another's.
 *
 * It is a file and no abstract socket, since containers that share a directory need not share a network.
 * @throws XmppError `PUBSUB_STORE` when another holds it, or there can be no socket
 */
export async function takeLock(directory: string, clock: Clock = systemClock): Promise<Release> {
  const name = `lock-${nodeCrypto().randomBytes(8).toString('hex')}`
  const { way, close } = await wayTo(directory, name)
  const door = new Door()
  const path = `${directory}/${name}`
  try {
    await door.listen(`${way}/${name}${UNHEARD}`).catch(error => {
      const none = NO_SOCKETS.has(codeOf(error) ?? '') ? 'use a directory where there can be sockets' : undefined
      throw storeError('make a socket in', directory, error, none)
    })
    try {
      // It is of no use to others, but nobody need wonder.
      await chmod(path + UNHEARD, 0o600)
      // Under its name it is never there without somebody listening, unless that one has died.
      await rename(path + UNHEARD, path)
    } catch (error) {
      await remove(path + UNHEARD)
      // Whoever has taken the directory by now has cleared up.
      throw codeOf(error) === 'ENOENT' ? taken(directory) : error
    }
    for (const other of await namesIn(directory)) {
      if (other === name || !(await lstat(`${directory}/${other}`).catch(() => undefined))?.isSocket()) continue
      const answer = await ask(`${way}/${other}`, name < other, clock)
      if (answer.state === 'held') throw taken(directory, answer.pid)
      if (answer.state === 'unknown') throw storeError('tell who uses', directory, answer.error)
      if (answer.state === 'dead') await remove(`${directory}/${other}`)
    }
    door.hold()
    for (const left of await namesIn(directory, UNHEARD)) await remove(`${directory}/${left}`)
  } catch (error) {
    await remove(path)
    await door.close()
    throw error instanceof XmppError ? error : storeError('take', directory, error)
  } finally {
    await close()
  }
  return async () => {
    await remove(path)
    await door.close()
  }
}

/** Behind the name of a socket on which nobody may be listening yet. */
const UNHEARD = '.new'
const NO_SOCKETS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP'])
/** ms to wait for somebody who is there and says nothing. */
const ANSWER_TIME = 5000
/** Bytes of the longest path that every system takes for a socket. */
const MAX_SOCKET_PATH = 103

/** The socket of one who wants to have the directory, or has it. Says `?` to whoever asks, and `!` and its process id when it has it. */
class Door {
  readonly #server: Server
  readonly #callers = new Set<Socket>()
  #held = false

  constructor() {
    this.#server = nodeNet().createServer(socket => {
      this.#callers.add(socket)
      socket.on('error', () => {}).on('close', () => this.#callers.delete(socket))
      if (this.#held) this.#tell(socket)
      else socket.write('?')
    })
    // What was taken keeps no process alive.
    this.#server.unref()
  }

  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen({ path, exclusive: true }, () => {
        this.#server.off('error', reject).on('error', () => {})
        resolve()
      })
    })
  }

  hold(): void {
    this.#held = true
    for (const socket of this.#callers) this.#tell(socket)
  }

  async close(): Promise<void> {
    for (const socket of this.#callers) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #tell(socket: Socket): void {
    socket.end(`!${process.pid}\n`, () => socket.destroy())
  }
}

type Answer =
  | { readonly state: 'held'; readonly pid?: string }
  /** Nobody listens there, and never will. */
  | { readonly state: 'dead' }
  /** Whoever was there has just gone. */
  | { readonly state: 'gone' }
  | { readonly state: 'unknown'; readonly error: Error }

/**
 * Asks the one behind a socket whether it has the directory.
 * @param patient waits for one who only wants it, and is to give way
 */
function ask(path: string, patient: boolean, clock: Clock): Promise<Answer> {
  return new Promise(resolve => {
    const socket = nodeNet().connect(path)
    const settle = (answer: Answer): void => {
      cancel()
      socket.destroy()
      resolve(answer)
    }
    const cancel = clock.after(ANSWER_TIME, () => settle({ state: 'held' }))
    let said = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      said += text
      const [, pid] = /!(\d*)\n/.exec(said) ?? []
      if (pid !== undefined) settle({ state: 'held', pid })
      else if (!patient) settle({ state: 'held' })
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Only a refused connection proves that nobody is there.
      if (error.code === 'ECONNREFUSED') settle({ state: 'dead' })
      else if (error.code === 'ENOENT' || error.code === 'ECONNRESET' || error.code === 'EPIPE')
        settle({ state: 'gone' })
      else if (error.code === 'EAGAIN') settle({ state: 'held' })
      else settle({ state: 'unknown', error })
    })
    socket.on('close', () => settle({ state: 'gone' }))
  })
}

/** A way to sockets in a directory that is short enough for the system. */
async function wayTo(directory: string, name: string): Promise<{ way: string; close: () => Promise<void> }> {
  if (Buffer.byteLength(`${directory}/${name}${UNHEARD}`) <= MAX_SOCKET_PATH)
    return { way: directory, close: async () => {} }
  if (process.platform !== 'linux')
    throw new XmppError('PUBSUB_STORE', `the path ${directory} is too long for a socket in it; use a shorter one`)
  let handle: FileHandle
  try {
    handle = await open(directory, 'r')
  } catch (error) {
    throw storeError('open', directory, error)
  }
  return { way: `/proc/self/fd/${handle.fd}`, close: () => handle.close() }
}

async function namesIn(directory: string, suffix = ''): Promise<string[]> {
  const names = await readdir(directory)
  return names.filter(name => /^lock-[0-9a-f]{16}$/.test(name.slice(0, 21)) && name.slice(21) === suffix)
}

async function remove(path: string): Promise<void> {
  await unlink(path).catch(() => {})
}

function taken(directory: string, pid?: string): XmppError {
  const who = pid === undefined ? 'another process' : pid === `${process.pid}` ? 'this process' : `process ${pid}`
  return new XmppError(
    'PUBSUB_STORE',
    `${directory} is in use by ${who}: two cannot keep their things in one place; end the other one, or use another directory`,
  )
}
