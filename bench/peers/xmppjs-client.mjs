import { client, xml } from '@xmpp/client'
import { start } from './xmppjs.mjs'

export const peer = {
  name: '@xmpp/client',
  offer: 'client',
  module: import.meta.resolve('@xmpp/client'),
  logins: ['direct, SASL2', 'direct', 'starttls, SASL2', 'starttls'],
  connect({ host, port, domain, username, password, resource, tls }) {
    const service = `${tls === 'direct' ? 'xmpps' : 'xmpp'}://${host}:${port}`
    const login =
      tls === undefined
        ? { credentials: authenticate => authenticate({ username, password }, 'PLAIN') }
        : { username, password }
    return start(client({ service, domain, resource, ...login }), xml)
  },
}
