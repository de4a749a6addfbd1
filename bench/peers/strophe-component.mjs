import { open } from './strophe.mjs'

export const peer = {
  name: 'strophe.js component',
  offer: 'component',
  module: import.meta.resolve('strophe.js'),
  share: 0.25,
  logins: ['component'],
  connect: ({ host, port, domain, secret }) => open(`tcp://${host}:${port}`, { protocol: 'component' }, domain, secret),
}
