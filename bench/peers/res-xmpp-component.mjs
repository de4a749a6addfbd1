import { connectComponent } from '../../dist/index.js'
import { wrap } from './res-xmpp.mjs'

const open = wrap(connectComponent)

export const peer = {
  name: 'res-xmpp component',
  offer: 'component',
  module: new URL('../../dist/index.js', import.meta.url).href,
  logins: ['component'],
  connect: ({ host, port, domain, secret }) => open({ domain, secret, host, port }),
}
