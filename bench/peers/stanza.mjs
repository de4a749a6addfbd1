import { createClient } from 'stanza'

export const peer = {
  name: 'stanza',
  // It has no TCP under Node.
  offer: 'websocket',
  module: import.meta.resolve('stanza'),
  logins: ['websocket, TLS'],
  share: 0.2,
  // Each takes a megabyte, and 20 ms of CPU time.
  connections: 200,
  async connect({ host, port, domain, username, password, resource, tls }) {
    const websocket = `${tls === 'direct' ? 'wss' : 'ws'}://${host}:${port}/`
    const client = createClient({
      jid: `${username}@${domain}`,
      password,
      resource,
      transports: { websocket, bosh: false },
      useStreamManagement: false,
      autoReconnect: false,
    })
    await new Promise((resolve, reject) => {
      client.once('session:started', resolve)
      client.once('auth:failed', reject)
      client.once('disconnected', () => reject(new Error('disconnected')))
      client.connect()
    })
    return {
      onMessage: callback => client.on('message', message => callback(message.from, message.body)),
      send: (to, body) => client.sendMessage({ to, body, type: 'chat' }),
      ping: to => client.ping(to),
      close() {
        const over = new Promise(resolve => client.once('disconnected', resolve))
        client.disconnect()
        return over
      },
    }
  },
}
