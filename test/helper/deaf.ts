import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Test } from 'tap'

/** An address of this machine where connecting gets no answer, as behind a firewall that drops packets. */
export interface Deaf {
  /** Lets those in who are waiting; the system asks again for them after a second. */
  hear(): void
}

/**
 * A listener that accepts nobody, with a queue that is full: Linux then leaves connection requests unanswered. It lives in a
 * thread that sleeps, since Node itself accepts whoever comes.
 */
export async function deaf(t: Test, host: string, port: number): Promise<Deaf> {
  const flag = new SharedArrayBuffer(4)
  const worker = new Worker(listener, { eval: true, workerData: { host, port, flag } })
  t.teardown(() => worker.terminate())
  await once(worker, 'message')
  const fillers: Socket[] = []
  t.teardown(() => {
    for (const filler of fillers) filler.destroy()
  })
  for (let full = false; !full; ) {
    const filler = connect({ host, port }).on('error', () => {})
    fillers.push(filler)
    const late = new AbortController()
    // What is not answered in this time, on one and the same machine, is not going to be. However busy the machine is: an answer
    // that is there is heard before the next turn.
    const silent = setTimeout(100, true, { signal: late.signal })
      .then(() => setImmediate(true))
      .catch(() => false)
    full = await Promise.race([once(filler, 'connect').then(() => false), silent])
    late.abort()
    if (full) filler.destroy()
  }
  return {
    hear() {
      Atomics.store(new Int32Array(flag), 0, 1)
      Atomics.notify(new Int32Array(flag), 0)
    },
  }
}

const listener = `
const { parentPort, workerData: { host, port, flag } } = require('node:worker_threads')
const server = require('node:net').createServer(socket => socket.on('error', () => {}))
server.listen({ host, port, backlog: 1 }, () => {
  parentPort.postMessage('listening')
  setImmediate(() => Atomics.wait(new Int32Array(flag), 0, 0))
})`
