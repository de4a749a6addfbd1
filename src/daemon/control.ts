import { existsSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, isAbsolute } from 'node:path'
import { XmppError } from '../errors.ts'

/** What `rx` asks: a command in words, as they stood between blanks or quotes in the user's shell. */
export interface ControlRequest {
  readonly argv: readonly string[]
  readonly json: boolean
}

/** What the daemon answers: the text to print, and the exit code. */
export interface ControlReply {
  readonly exit: number
  readonly out: string
  readonly err: string
}

/** Runs a command; the signal is aborted when whoever asked has gone. */
export type ControlHandler = (request: ControlRequest, signal: AbortSignal) => Promise<ControlReply>

/** Where the socket is when nobody says. */
export function defaultControlPath(env: NodeJS.ProcessEnv): string {
  const { XDG_RUNTIME_DIR: runtime } = env
  return runtime ? `${runtime}/res-xmpp.sock` : systemPath
}

const systemPath = '/run/res-xmpp/control'

const MAX_REQUEST = 1_048_576
/** Many of them may be waiting for a message. */
const MAX_CONNECTIONS = 256
/** ms in which a request must be complete. */
const REQUEST_TIME = 10_000
/** ms in which one that came too many must have gone. */
const REFUSED_TIME = 1000

/**
 * Serves commands on a Unix socket that only its owner can open.
 * @throws XmppError `CONTROL_SOCKET` when a daemon lives there already, or something else stands in the way
 */
export async function serveControl(given: string, handler: ControlHandler): Promise<() => Promise<void>> {
  const path = socketPath(given)
  await clearPath(path)
  const sockets = new Set<Socket>()
  const refused = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    if (sockets.size >= MAX_CONNECTIONS) {
      const err = `${MAX_CONNECTIONS} commands are being worked for already\n`
      // Not closed before the request has been taken: whoever still writes it would get an error and not read why.
      const timer = setTimeout(() => socket.destroy(), REFUSED_TIME)
      refused.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => {
          clearTimeout(timer)
          refused.delete(socket)
        })
      socket.resume().end(JSON.stringify({ exit: 2, out: '', err }))
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    void serve(socket, handler)
  })
  await listen(server, path)
  const own = lstatSync(path).ino
  return async () => {
    for (const socket of [...sockets, ...refused]) socket.destroy()
    const found = lstatSync(path, { throwIfNoEntry: false })
    // Closing unlinks the path, no matter whose socket has it by now.
    if (found !== undefined && found.ino !== own) server.unref()
    else await new Promise(resolve => server.close(resolve))
  }
}

/** Sends one command to a daemon. Rejects when none answers. */
export async function askControl(path: string, request: ControlRequest): Promise<ControlReply> {
  const socket = connect(socketPath(path))
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.write(`${JSON.stringify(request)}\n`)
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk)
    if (chunks.length === 0) throw new XmppError('CONTROL_SOCKET', 'the daemon went away before it answered')
    return JSON.parse(Buffer.concat(chunks).toString()) as ControlReply
  } finally {
    socket.destroy()
  }
}

/** Node takes a path that is a number for a TCP port, and would listen on it for everyone. */
function socketPath(path: string): string {
  if (path === '') throw new XmppError('CONTROL_SOCKET', 'the path of the control socket is empty')
  return isAbsolute(path) ? path : `./${path}`
}

async function serve(socket: Socket, handler: ControlHandler): Promise<void> {
  const gone = new AbortController()
  socket.on('error', () => {})
  socket.on('close', () => gone.abort(new XmppError('XMPP_STOPPED', 'the one who asked has gone')))
  try {
    const request = await readRequest(socket)
    // The asker keeps its side open while it waits, so its end means that it has gone.
    socket.on('end', () => socket.destroy())
    const reply = await handler(request, gone.signal)
    socket.end(JSON.stringify(reply))
  } catch (error) {
    if (gone.signal.aborted) return
    socket.end(JSON.stringify({ exit: 2, out: '', err: `${(error as Error).message}\n` }))
  }
}

function readRequest(socket: Socket): Promise<ControlRequest> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => socket.destroy(), REQUEST_TIME)
    const settle = (end: () => void): void => {
      clearTimeout(timer)
      socket.off('data', onData).off('end', onEnd)
      end()
    }
    const refuse = (): void => reject(new XmppError('CONTROL_REQUEST', 'that is no request'))
    const onEnd = (): void => settle(refuse)
    const onData = (chunk: string): void => {
      text += chunk
      const end = text.indexOf('\n')
      if (end < 0 && text.length <= MAX_REQUEST) return
      settle(() => {
        const request = end < 0 ? undefined : parseRequest(text.slice(0, end))
        if (request === undefined) refuse()
        else resolve(request)
      })
    }
    socket.setEncoding('utf8').on('data', onData).on('end', onEnd)
    socket.on('close', () => settle(refuse))
  })
}

function parseRequest(line: string): ControlRequest | undefined {
  try {
    const { argv, json } = JSON.parse(line)
    const words = Array.isArray(argv) && argv.every(word => typeof word === 'string')
    return words ? { argv, json: json === true } : undefined
  } catch {
    return undefined
  }
}

async function listen(server: Server, path: string): Promise<void> {
  // The socket is made while listen() runs, so nobody else ever sees it with wider permissions.
  const before = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(path, () => {
        server.off('error', reject)
        resolve()
      })
      process.umask(before)
    })
  } catch (error) {
    throw new XmppError('CONTROL_SOCKET', `cannot listen on ${path}: ${whyNotListen(error, path)}`, { cause: error })
  } finally {
    process.umask(before)
  }
}

/** Node says EACCES also of a directory that does not exist. */
function whyNotListen(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException
  const directory = dirname(path)
  if (!existsSync(directory)) {
    return `there is no directory ${directory}; make it, or name another place with --control`
  }
  if (code !== 'EACCES') return message
  return `this user may not make a file in ${directory} (EACCES); let it, or name another place with --control`
}

/** A socket that nobody answers on and that is ours is a leftover; anything else there stays. */
async function clearPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > 107)
    throw new XmppError('CONTROL_SOCKET', `the path ${path} is too long for a Unix socket`)
  if (path === systemPath)
    allowed(`make ${dirname(path)}`, () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }))
  const found = allowed(`use ${path}`, () => lstatSync(path, { throwIfNoEntry: false }))
  if (found === undefined) return
  if (!found.isSocket()) throw new XmppError('CONTROL_SOCKET', `${path} is there already and is no socket`)
  if (found.uid !== process.getuid?.()) throw new XmppError('CONTROL_SOCKET', `${path} belongs to another user`)
  if (await answers(path))
    throw new XmppError(
      'CONTROL_SOCKET',
      `another daemon is running with the control socket ${path}; give this one its own with --control`,
    )
  // Another daemon that is starting too may have come first while we asked; what it made must not go.
  const still = lstatSync(path, { throwIfNoEntry: false })
  if (still !== undefined && (still.ino !== found.ino || still.ctimeMs !== found.ctimeMs))
    throw new XmppError('CONTROL_SOCKET', `another daemon is just starting with the control socket ${path}`)
  if (still !== undefined) unlinkSync(path)
}

/** Does something that the system may not let us do. */
function allowed<T>(what: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    const why = (error as Error).message
    throw new XmppError('CONTROL_SOCKET', `cannot ${what} (${why}); name another place with --control`, {
      cause: error,
    })
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // Only a refused connection proves that nobody is there.
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      else
        reject(
          new XmppError('CONTROL_SOCKET', `cannot tell whether ${path} is in use: ${error.message}`, { cause: error }),
        )
    })
  })
}
