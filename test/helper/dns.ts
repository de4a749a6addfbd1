import type { Dns, SrvRecord } from '../../src/stream/dns.ts'

/** What a {@link Zone} knows of a name; a function is called with the signal. */
export type Known<T> = readonly T[] | Error | ((signal: AbortSignal) => Promise<readonly T[]>)

/** A DNS of a test's own: what it does not know is not there. */
export class Zone implements Dns {
  /** What has been asked, in order: `SRV name` or `host`. */
  readonly asked: string[] = []
  readonly #srv: Readonly<Record<string, Known<SrvRecord>>>
  readonly #hosts: Readonly<Record<string, Known<string>>>

  constructor(srv: Readonly<Record<string, Known<SrvRecord>>>, hosts: Readonly<Record<string, Known<string>>> = {}) {
    this.#srv = srv
    this.#hosts = hosts
  }

  async srv(name: string, signal: AbortSignal): Promise<readonly SrvRecord[]> {
    this.asked.push(`SRV ${name}`)
    return answer(this.#srv[name] ?? [], signal)
  }

  async addresses(host: string, signal: AbortSignal): Promise<readonly string[]> {
    this.asked.push(host)
    return answer(this.#hosts[host] ?? Object.assign(new Error(`no ${host} here`), { code: 'ENOTFOUND' }), signal)
  }
}

/** A record as short as it can be written. */
export function srv(name: string, port: number, priority = 0, weight = 0): SrvRecord {
  return { name, port, priority, weight }
}

/** Never answers, and knows nothing of signals. */
export function silence(): Promise<never> {
  return new Promise(() => {})
}

async function answer<T>(known: Known<T>, signal: AbortSignal): Promise<readonly T[]> {
  if (known instanceof Error) throw known
  return typeof known === 'function' ? known(signal) : known
}
