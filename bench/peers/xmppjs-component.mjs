import { component, xml } from '@xmpp/component'
import { start } from './xmppjs.mjs'

export const peer = {
  name: '@xmpp/component',
  offer: 'component',
  module: import.meta.resolve('@xmpp/component'),
  logins: ['component'],
  connect: ({ host, port, domain, secret }) =>
    start(component({ service: `xmpp://${host}:${port}`, domain, password: secret }), xml),
}
