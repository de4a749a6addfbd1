import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** A listener on a port of its own on this machine, gone with the test. */
export interface Listening {
  readonly port: number
  /** The connections it has open. */
  readonly sockets: ReadonlySet<Socket>
  /** Accepts no more, and resolves when no connection is open. */
  gone(): Promise<void>
}

/** Listens, and hands each connection to `serve`; what breaks a connection is nothing to the test. */
export async function listen(t: Test, serve: (socket: Socket) => void): Promise<Listening> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const gone = async (): Promise<void> => {
    server.close()
    if (sockets.size > 0) await once(server, 'close')
  }
  return { port: (server.address() as AddressInfo).port, sockets, gone }
}
