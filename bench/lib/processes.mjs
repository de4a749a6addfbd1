import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const file = path => fileURLToPath(new URL(path, import.meta.url))

/** What is measured at the moment. */
let measured
// Whoever interrupts a run is left with nothing of it.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

/** Starts the server, which ends with this process, whatever becomes of it. */
export async function startServer() {
  const server = fork(file('../server/main.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [{ ports, ca }] = await Promise.race([
    once(server, 'message'),
    once(server, 'exit').then(([code]) => {
      throw new Error(`the server has ended with code ${code}`)
    }),
  ])
  // The one way to say whom to trust that all peers know.
  const folder = mkdtempSync(join(tmpdir(), 'res-xmpp-bench-'))
  const trusted = join(folder, 'ca.pem')
  writeFileSync(trusted, ca)
  const stop = () => {
    measured?.kill('SIGKILL')
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', stop)
  return { ports, trusted, stop }
}

/** One peer in one scenario. @returns its numbers, or `{ error }` */
export async function measure(server, peer, scenario, parameters) {
  const args = ['--expose-gc', file('one.mjs'), peer, scenario, JSON.stringify({ ...parameters, ports: server.ports })]
  const options = { timeout: 120_000, killSignal: 'SIGKILL', env: { ...process.env } }
  // Reading it takes time, which is nobody's fault where there is no TLS.
  if (scenario === 'login') options.env.NODE_EXTRA_CA_CERTS = server.trusted
  return new Promise(resolve => {
    measured = execFile(process.execPath, args, options, (error, stdout, stderr) => {
      // Some say things on stdout themselves.
      if (error === null) resolve(JSON.parse(stdout.trim().split('\n').at(-1)))
      else resolve({ error: error.killed ? 'took more than two minutes' : stderr.trim().slice(-1500) || error.message })
    })
  })
}
