import type { ChildProcessWithoutNullStreams } from 'node:child_process'

/** Has a client that reads its input to the end go offline and end, or ends it. */
export async function quit(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.stdin.end()
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
  await gone
  clearTimeout(timer)
}
