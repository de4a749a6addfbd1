import { placeOf } from './failures.ts'
import { literalAddress } from './ip-literal.ts'
import type { NegotiationStep } from './negotiate.ts'
import { Steps, unless, type Way } from './steps.ts'
import { dial, lookUp } from './stream/dial.ts'
import type { Dns } from './stream/dns.ts'
import type { Target } from './stream/resolve.ts'
import { type StreamOptions, XmlStream } from './stream/stream.ts'
import type { TlsClientOptions } from './stream/tls.ts'

/** What is done with a stream that is connected. `onStep` is to be called as the negotiations of `negotiate.ts` do. */
export type Login<T> = (stream: XmlStream, onStep: (step: NegotiationStep) => void) => Promise<T>

/** What every target is tried with. */
export interface AttemptOptions {
  readonly way: Way
  readonly dns: Dns
  readonly stream: StreamOptions
  /** For direct TLS, with the domain the certificate must name. */
  readonly tls: TlsClientOptions
}

/** The way to a session at one target. */
export class Attempt {
  /** Credentials are in play. */
  authenticating = false
  /** Undefined before there is a connection. */
  stream: XmlStream | undefined
  readonly steps: Steps
  readonly #target: Target
  readonly #options: AttemptOptions

  constructor(target: Target, options: AttemptOptions) {
    this.#target = target
    this.#options = options
    this.steps = new Steps(options.way)
  }

  /** Connects and logs in; when it fails nothing stays open, though a stream is still ended as one, which may take a second. */
  async run<T>(login: Login<T>): Promise<T> {
    const { steps } = this
    try {
      return await this.#run(login)
    } catch (error) {
      void this.stream?.close(1000)
      throw steps.signal.aborted ? steps.signal.reason : error
    } finally {
      steps.end()
    }
  }

  async #run<T>(login: Login<T>): Promise<T> {
    const { host, port, direct } = this.#target
    const { way, dns, tls } = this.#options
    const place = placeOf(this.#target)
    const { signal } = this.steps
    const enter = {
      tls: () => this.steps.enter('tls', `${place} did not complete the TLS handshake`),
      negotiation: () => this.steps.enter('negotiation', `${place} did not complete the login`),
      authentication: () => {
        this.authenticating = true
      },
    }

    // An address takes no step to find.
    let addresses = [literalAddress(host)].filter(address => address !== undefined)
    if (addresses.length === 0) {
      this.steps.enter('resolve', `the address of ${host} (for port ${port}) was not found`)
      addresses = [...(await lookUp({ host, port, dns, signal }))]
    }
    this.steps.enter('connect', `no connection to ${place}`)
    const transport = await dial({ host, port, addresses, clock: way.clock, signal })
    const stream = new XmlStream(transport, this.#options.stream)
    this.stream = stream
    signal.addEventListener('abort', () => stream.destroy(signal.reason))
    if (signal.aborted) stream.destroy(signal.reason)

    if (direct) {
      enter.tls()
      await stream.startTls(tls)
    }
    enter.negotiation()
    // It may be waiting for what knows nothing of the stream, such as the caller's source of credentials.
    return await unless(
      signal,
      login(stream, step => enter[step]()),
    )
  }
}
