import { type Clock, systemClock } from './clock.ts'
import { XmppError } from './errors.ts'
import { type StreamOptions, XmlStream } from './stream/stream.ts'
import type { TlsClientOptions, TlsTrust } from './stream/tls.ts'
import { dial } from './stream/transport.ts'

/** Where and how to connect; the same for clients and components. */
export interface ConnectOptions extends TlsTrust {
  /** Host to dial. Default: the domain. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** ms for each step: the connection, and all of the negotiation. Default 30,000. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly stream?: Omit<StreamOptions, 'ns'> | undefined
}

interface Target {
  readonly ns: string
  readonly host: string
  readonly port: number
  /** Direct TLS from the first byte, with the domain the certificate must name. */
  readonly direct: TlsClientOptions | undefined
}

/**
 * Dials, puts TLS under the connection when it is direct, and runs a negotiation on it. Whatever fails, nothing stays open.
 * @throws what dialling, TLS and the negotiation throw; XmppError `XMPP_TIMEOUT` that names the step; the signal's reason
 */
export async function connect<T>(
  target: Target,
  options: ConnectOptions,
  negotiate: (stream: XmlStream) => Promise<T>,
): Promise<T> {
  const { timeout = 30_000, signal } = options
  const clock = options.stream?.clock ?? systemClock
  const { host, port, direct, ns } = target
  const where = `${host} port ${port}`

  const transport = await within(clock, timeout, `no connection to ${where}`, signal, step =>
    dial({ host, port, signal: step }),
  )
  const stream = new XmlStream(transport, { ...options.stream, ns })
  try {
    return await within(clock, timeout, `${where} did not complete the login`, signal, async step => {
      const login = async (): Promise<T> => {
        if (direct !== undefined) await stream.startTls(direct)
        return await negotiate(stream)
      }
      // Raced, for the login may be waiting for what knows nothing of the stream, such as the caller's source of credentials.
      const over = new Promise<never>((_, reject) => {
        step.addEventListener('abort', () => {
          stream.destroy(step.reason)
          reject(step.reason)
        })
      })
      return await Promise.race([login(), over])
    })
  } catch (error) {
    // Once a stream is open it is ended as one; close() sees to it that nothing stays.
    void stream.close(1000)
    throw error
  }
}

/** Runs a step under a signal of its own, which is aborted when the time is up or the caller's signal is. */
async function within<T>(
  clock: Clock,
  ms: number,
  what: string,
  signal: AbortSignal | undefined,
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const aborted = (): void => controller.abort(signal?.reason)
  const cancel = clock.after(ms, () => controller.abort(new XmppError('XMPP_TIMEOUT', `${what} within ${ms / 1000} s`)))
  signal?.addEventListener('abort', aborted)
  try {
    return await step(controller.signal)
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error
  } finally {
    cancel()
    signal?.removeEventListener('abort', aborted)
  }
}
