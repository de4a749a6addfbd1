import { $iq, $msg, Strophe } from 'strophe.js'

const { Status } = Strophe

/** Connects and wraps what is measured. */
export function open(service, options, jid, password) {
  const connection = new Strophe.Connection(service, options)
  const from = options.protocol === 'component' ? { from: jid } : {}
  let last = 0
  let closed
  const wrapped = {
    onMessage(callback) {
      connection.addHandler(
        stanza => {
          const [body] = stanza.getElementsByTagName('body')
          callback(stanza.getAttribute('from'), body?.textContent)
          return true
        },
        null,
        'message',
      )
    },
    send: (to, body) =>
      connection.send(
        $msg({ to, type: 'chat', id: `m${++last}`, ...from })
          .c('body')
          .t(body),
      ),
    ping: to =>
      new Promise((resolve, reject) =>
        connection.sendIQ($iq({ type: 'get', to, ...from }).c('ping', { xmlns: 'urn:xmpp:ping' }), resolve, reject),
      ),
    close: () =>
      new Promise(resolve => {
        closed = resolve
        connection.disconnect('bye')
      }),
  }
  return new Promise((resolve, reject) => {
    connection.connect(jid, password, status => {
      if (status === Status.CONNECTED) resolve(wrapped)
      else if (status === Status.DISCONNECTED && closed !== undefined) closed()
      else if ([Status.DISCONNECTED, Status.CONNFAIL, Status.AUTHFAIL, Status.ERROR].includes(status)) {
        reject(new Error(`strophe's status is ${status}`))
      }
    })
  })
}
