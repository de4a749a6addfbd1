import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Test } from 'tap'

/** A port that passes on to another one, and what was said to it by those who came. */
export interface Overheard {
  readonly port: number
  /** By the last one. */
  readonly said: string
}

/** Listens until the test is over. */
export async function overhear(t: Test, port: number): Promise<Overheard> {
  let said = ''
  const server = createServer(client => {
    said = ''
    const there = connect({ port, host: '127.0.0.1' })
    client.setEncoding('utf8').on('data', text => {
      said += text
    })
    for (const socket of [client, there]) socket.on('error', () => {})
    client.pipe(there).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return {
    port: (server.address() as AddressInfo).port,
    get said() {
      return said
    },
  }
}
