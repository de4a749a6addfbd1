import { detached } from '../detached.ts'
import type { IncomingMessage } from './inbox.ts'

/** What holds nothing of the chunk it was cut from. A `jid` that is its sender's is there already. */
export function kept({ from, body, type, id, received, delayed }: IncomingMessage, jid: string): IncomingMessage {
  return {
    from: from === jid ? jid : detached(from),
    body: detached(body),
    type,
    id: id && detached(id),
    received,
    delayed: delayed && { stamp: delayed.stamp, from: delayed.from && detached(delayed.from) },
  }
}

/** What a message takes, its box apart. */
export function messageBytes({ from, body, type, id = '', delayed }: IncomingMessage): number {
  // Any other `from` is the JID of a box.
  const sender = type === 'groupchat' ? textBytes(from) : 0
  const delay = delayed === undefined ? 0 : DELAY_BYTES + textBytes(delayed.from ?? '')
  return MESSAGE_BYTES + sender + textBytes(body) + textBytes(id) + delay
}

/** What there is once for each JID of which messages are held. */
export function boxBytes(jid: string): number {
  return BOX_BYTES + textBytes(jid)
}

/** Bytes that V8 needs for a held message beside its texts, for a delay, and for a box beside its JID, as measured when there are many. */
const MESSAGE_BYTES = 400
const DELAY_BYTES = 80
const BOX_BYTES = 280

/** V8 has a byte for each UTF-16 unit where all are below U+0100, else two. */
function textBytes(text: string): number {
  return wide.test(text) ? text.length * 2 : text.length
}

const wide = /[\u0100-\uffff]/
