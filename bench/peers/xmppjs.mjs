/** What is measured of an entity of xmpp.js; `xml` comes from the package the entity is from. */
export async function start(entity, xml) {
  entity.reconnect.stop()
  entity.on('error', error => process.stderr.write(`${error.message}\n`))
  // Its start() sometimes waits in vain for the answer to a header that is sent while the answer is on its way, and then rejects
  // though it is online.
  await new Promise((resolve, reject) => {
    entity.once('online', resolve)
    entity.start().catch(reject)
  })
  let last = 0
  return {
    onMessage(callback) {
      entity.on('stanza', stanza => {
        if (stanza.name === 'message') callback(stanza.attrs.from, stanza.getChildText('body'))
      })
    },
    send: (to, body) => entity.send(xml('message', { to, type: 'chat', id: `m${++last}` }, xml('body', {}, body))),
    ping: to => entity.iqCaller.request(xml('iq', { type: 'get', to }, xml('ping', 'urn:xmpp:ping')), 60_000),
    close: () => entity.stop(),
  }
}
