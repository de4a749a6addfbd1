/** Stanzas in one block of canned traffic. */
const PER_BLOCK = 64

const text = {
  chat: n => `Hello number ${n}, the quick brown fox jumps over the lazy dog &amp; runs.`,
  utf8: n => `Привет номер ${n}: быстрая лиса 🦊 прыгает — 高速な茶色の狐が怠け者の犬を飛び越える &amp; ✓`,
}

/** The n-th stanza of a kind: `chat`, `utf8` (messages of four shapes) or `pubsub`; the same in every run. */
function stanza(kind, to, n, xmlns) {
  if (kind === 'pubsub') {
    const state = `<state xmlns='http://asterisk.org' eid='08:00:27:aa:bb:cc' cachable='1'>${n % 2 ? 'NOT_INUSE' : 'INUSE'}</state>`
    const item = `<item id='${1000 + n}' publisher='bench@localhost'>${state}</item>`
    const event = `<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='ast_device_state'>${item}</items></event>`
    const delay = `<delay xmlns='urn:xmpp:delay' stamp='2026-08-01T12:00:${10 + (n % 50)}Z'/>`
    return `<message${xmlns} from='pubsub.example.com' to='${to}' id='ps-${n}'>${event}${delay}</message>`
  }
  const from = `user${n}@example.com/phone.3fA9`
  const id = `m-0000${n}`
  const active = "<active xmlns='http://jabber.org/protocol/chatstates'/>"
  const shapes = [
    '',
    active,
    `${active}<origin-id xmlns='urn:xmpp:sid:0' id='${id}'/><request xmlns='urn:xmpp:receipts'/>`,
    "<thread>e0ffe42b28561960c6b12b944a092794b9683a38</thread><delay xmlns='urn:xmpp:delay' from='example.com' stamp='2026-08-01T12:00:00Z'>Offline &lt;storage&gt;</delay>",
  ]
  const body = `<body>${text[kind](n)}</body>`
  return `<message${xmlns} from='${from}' to='${to}' type='chat' id='${id}'>${body}${shapes[n % 4]}</message>`
}

/**
 * Writes `count` stanzas of a kind as fast as the socket takes them.
 * @param framed turns one stanza into what goes over the wire
 */
export function blast(socket, { kind, count, to, xmlns = '', framed = Buffer.from }) {
  const block = size => Buffer.concat(Array.from({ length: size }, (_, n) => framed(stanza(kind, to, n, xmlns))))
  const whole = block(PER_BLOCK)
  const rest = block(count % PER_BLOCK)
  let left = Math.floor(count / PER_BLOCK)
  const pump = () => {
    while (left-- > 0) {
      if (!socket.write(whole)) {
        socket.once('drain', pump)
        return
      }
    }
    if (rest.length > 0) socket.write(rest)
    left = 0
  }
  pump()
}

/** Writes `count` messages in other scripts, 37 bytes at a time, so that characters are cut across TCP segments. */
export function dribble(socket, { count, to, xmlns = '', framed = Buffer.from }) {
  const bytes = Buffer.concat(Array.from({ length: count }, (_, n) => framed(stanza('utf8', to, n, xmlns))))
  let at = 0
  const next = () => {
    if (at >= bytes.length || socket.destroyed) return
    socket.write(bytes.subarray(at, at + 37))
    at += 37
    setTimeout(next, 1)
  }
  next()
}
