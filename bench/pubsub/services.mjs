import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(new URL('service.mjs', import.meta.url))
export const DOMAIN = 'pubsub.example.org'

const running = new Set()
process.on('exit', killAll)

/** Ends those that are still there, whatever they do. */
export function killAll() {
  for (const child of running) child.kill('SIGKILL')
}

/**
 * Starts a PubSub service in a fresh process, and waits until it is attached.
 * @param options `{ host, port, domain, secret, directory, durable }`: without a directory it keeps all in memory, and not durable nothing that is new;
 * `profile` is a directory for a CPU profile
 * @returns what it says of its start; `cpu()`, in seconds, `stop()`
 */
export async function start({ profile, ...options }) {
  const execArgv = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile]
  const child = fork(file, [JSON.stringify(options)], { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  running.add(child)
  const gone = once(child, 'exit').then(([code, signal]) => {
    running.delete(child)
    return signal ?? code
  })
  const said = async () => {
    const outcome = await Promise.race([once(child, 'message'), gone])
    if (!Array.isArray(outcome)) throw new Error(`the service has ended (${outcome})`)
    return outcome[0]
  }
  return {
    ...(await said()),
    cpu: async () => {
      child.send('mark')
      const { cpu } = await said()
      return (cpu.user + cpu.system) / 1e6
    },
    stop: async () => {
      if (child.connected) child.send('stop')
      const outcome = await gone
      if (outcome !== 0) throw new Error(`the service has ended (${outcome})`)
    },
  }
}

/** The same, attached to a sink. */
export async function serve({ host, port, next }, options) {
  const coming = next()
  const service = await start({ host, port, domain: DOMAIN, secret: 'secret', ...options })
  return { service, wire: await coming }
}
