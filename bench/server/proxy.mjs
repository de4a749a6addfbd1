import { connect, createServer } from 'node:net'

/**
 * A listener in front of a port of this machine that holds what passes back for so many ms in each direction. It cannot hold back the SYN:
 * who counts round trips adds the one that TCP's own connect takes.
 */
export function proxy(port, ms) {
  return createServer({ noDelay: true, allowHalfOpen: true }, near => {
    const far = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
    pass(near, far, ms)
    pass(far, near, ms)
  })
}

function pass(from, to, ms) {
  // Timers of one length go off in the order in which they were set.
  const later = ms === 0 ? act => act() : act => setTimeout(act, ms)
  from.on('data', bytes => later(() => to.writable && to.write(bytes)))
  from.on('end', () => later(() => to.end()))
  from.on('error', () => to.destroy()).on('close', () => later(() => to.destroy()))
}
