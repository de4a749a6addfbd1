/** XEP-0092 Software Version, version 1.1. */
import { on, type Xep } from '../routes.ts'
import { el } from '../stream/element.ts'
import { VERSION } from '../version.ts'

export const NS_VERSION = 'jabber:iq:version'

/** Says what software this is; the operating system is nobody's business (§4). */
export const version: Xep = {
  name: 'XEP-0092',
  features: [NS_VERSION],
  routes: [
    on('iq-get', NS_VERSION, 'query', () =>
      el('query', NS_VERSION, {}, el('name', NS_VERSION, {}, 'res-xmpp'), el('version', NS_VERSION, {}, VERSION)),
    ),
  ],
}
