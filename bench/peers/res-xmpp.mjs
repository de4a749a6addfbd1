import { el, onEvery, sendPing } from '../../dist/index.js'

/** What is measured of a session of ours, with the public API alone. */
export function wrap(connect) {
  return async options => {
    let hear = () => {}
    const listener = {
      name: 'bench',
      routes: [onEvery('message', stanza => hear(stanza.attrs.from, stanza.childText('body')))],
    }
    const session = await connect({ ...options, xeps: [listener] })
    const over = session.run()
    return {
      onMessage(callback) {
        hear = callback
      },
      send(to, body) {
        const { ns } = session.stream
        return session.send(el('message', ns, { to, type: 'chat', id: session.nextId() }, el('body', ns, {}, body)))
      },
      ping: to => sendPing(session, to),
      async close() {
        await session.close()
        await over
      },
    }
  }
}
