import { connectClient } from '../../dist/index.js'
import { wrap } from './res-xmpp.mjs'

const open = wrap(connectClient)

export const peer = {
  name: 'res-xmpp client',
  offer: 'client',
  module: new URL('../../dist/index.js', import.meta.url).href,
  logins: ['direct, SASL2', 'direct', 'starttls, SASL2', 'starttls'],
  connect: ({ host, port, domain, username, password, resource, tls }) =>
    open({
      jid: `${username}@${domain}${resource === undefined ? '' : `/${resource}`}`,
      password,
      host,
      port,
      tls: tls ?? 'never',
    }),
}
