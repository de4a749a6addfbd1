/** As res_xmpp publishes the state of a device. */
const state = n =>
  `<state xmlns='http://asterisk.org' eid='02:00:00:00:00:01' cachable='1'>${n % 2 === 0 ? 'INUSE' : 'NOT_INUSE'}</state>`

const head =
  "<entry xmlns='http://www.w3.org/2005/Atom'><id>tag:example.org,2026:entry-17</id><title>The quick brown fox</title><author><name>Juliet Capulet</name><uri>xmpp:juliet@example.org</uri></author><link rel='alternate' type='text/html' href='http://example.org/2026/11/25/entry-17'/><updated>2026-11-25T18:30:02Z</updated><content>"
const tail = '</content></entry>'
const text = 'Whoever has subscribed to this is told of it, and reads on. '

/** 2 KB: an entry as of a feed. */
const entry = n => `${head}${n % 10}, ${text.repeat(40).slice(0, 2048 - 3 - head.length - tail.length)}${tail}`

export const payloads = { state, entry }
