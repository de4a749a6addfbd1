import type { XmlStream } from './stream.ts'

/** The limits that are asked for at a stream, and the one that holds otherwise. */
interface Rooms {
  readonly usual: number
  readonly asked: Set<{ readonly bytes: number }>
}

const open = new WeakMap<XmlStream, Rooms>()

/**
 * Lets a stanza have that many bytes for as long as an answer is awaited that is rightly larger than others. Several may be awaited at one time: the largest
 * limit holds, and the usual one when all have come.
 */
export async function withRoom<Answer>(stream: XmlStream, bytes: number, ask: () => Promise<Answer>): Promise<Answer> {
  const rooms = open.get(stream) ?? { usual: stream.stanzaBytes, asked: new Set() }
  open.set(stream, rooms)
  const room = { bytes }
  rooms.asked.add(room)
  const limit = (): void => {
    stream.stanzaBytes = Math.max(rooms.usual, ...[...rooms.asked].map(each => each.bytes))
  }
  limit()
  try {
    return await ask()
  } finally {
    rooms.asked.delete(room)
    limit()
    if (rooms.asked.size === 0) open.delete(stream)
  }
}
