/** The stream header the stanzas stand behind. */
export const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='example.com' id='s1' version='1.0' xml:lang='en'>"

const words = {
  ascii: [
    'hello',
    'the quick brown fox',
    'call me at 5pm',
    'see https://example.com/?a=1&amp;b=2',
    'I&apos;d say',
    'ok',
    '&lt;3',
  ],
  utf8: ['привет', 'быстрая лиса', 'こんにちは世界', '🦊🚀', 'größe straße', 'a &amp; b', '中文消息内容', 'שלום'],
}

/** Numbers that are the same in every run. */
function seeded() {
  let state = 12345
  return below => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state % below
  }
}

/**
 * Stanzas of about `bytes` bytes in all: two fifths messages, a quarter presence, the rest results, rosters and pubsub events.
 * @returns {{ body: Buffer, count: number }}
 */
export function corpus(script, bytes) {
  const random = seeded()
  const text = count => Array.from({ length: count }, () => words[script][random(words[script].length)]).join(' ')
  const id = () => random(1e9).toString(36)
  const to = "to='bot@example.com/daemon'"
  const features = [
    'http://jabber.org/protocol/caps',
    'http://jabber.org/protocol/disco#info',
    'urn:xmpp:ping',
    'jabber:iq:version',
  ]

  function stanza(number) {
    const kind = number % 20
    const user = `user${random(5000)}@example.com`
    const from = `from='${user}/phone.${id()}'`
    if (kind < 8) {
      const message = `<message ${from} ${to} type='${kind % 2 ? 'chat' : 'groupchat'}' id='${id()}'><body>${text(2 + random(9))}</body>`
      if (kind < 3) return `${message}</message>`
      if (kind < 6) {
        return `${message}<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><stanza-id xmlns='urn:xmpp:sid:0' by='bot@example.com' id='${id()}'/></message>`
      }
      return `${message}<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p style='font-weight:bold'>${text(3)}</p></body></html><delay xmlns='urn:xmpp:delay' from='example.com' stamp='2026-08-01T12:00:00Z'/></message>`
    }
    if (kind < 13) {
      return `<presence ${from} ${to}><show>away</show><status>${text(2)}</status><priority>5</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://example.org/client' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>`
    }
    if (kind === 13) return `<iq type='result' from='example.com' ${to} id='${id()}'/>`
    if (kind === 14) {
      const found = features.map(feature => `<feature var='${feature}'/>`).join('')
      return `<iq type='result' ${from} ${to} id='${id()}'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='phone' name='${text(1)}'/>${found}</query></iq>`
    }
    if (kind === 15) {
      const contact = () =>
        `<item jid='user${random(5000)}@example.com' name='${text(1)}' subscription='both'><group>${text(1)}</group></item>`
      return `<iq type='result' ${to} id='${id()}'><query xmlns='jabber:iq:roster' ver='v${number}'>${Array.from({ length: 8 }, contact).join('')}</query></iq>`
    }
    return `<message from='pubsub.example.com' to='bot@example.com' id='${id()}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='device_state'><item id='${number}' publisher='bot@example.com'><state xmlns='http://asterisk.org' eid='02:00:00:00:00:01' cachable='1'>${number % 2 ? 'NOT_INUSE' : 'INUSE'}</state></item></items></event></message>`
  }

  const stanzas = []
  let length = 0
  for (let number = 0; length < bytes; number++) {
    const next = Buffer.from(stanza(number))
    stanzas.push(next)
    length += next.length
  }
  return { body: Buffer.concat(stanzas), count: stanzas.length }
}

export function chunks(bytes, size) {
  const cut = []
  for (let at = 0; at < bytes.length; at += size) cut.push(bytes.subarray(at, at + size))
  return cut
}
