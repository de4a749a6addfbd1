/** What a subcommand gets from the process: its streams, its environment, and the wish that it end. */
export interface Io {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  readonly env: NodeJS.ProcessEnv
  /** Aborted by SIGTERM and SIGINT. */
  readonly signal: AbortSignal
  /** Calls back on SIGHUP. */
  readonly onHangup: (fn: () => void) => void
}

/** A mistake in how a command was called. */
export class UsageError extends Error {}

/** Resolves when a signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
