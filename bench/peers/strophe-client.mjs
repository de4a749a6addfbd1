import { open } from './strophe.mjs'

export const peer = {
  name: 'strophe.js client',
  offer: 'websocket',
  module: import.meta.resolve('strophe.js'),
  share: 0.25,
  logins: ['websocket, TLS'],
  connect: ({ host, port, domain, username, password, resource, tls }) =>
    open(`${tls === 'direct' ? 'wss' : 'ws'}://${host}:${port}/`, {}, `${username}@${domain}/${resource}`, password),
}
