import { Duplex } from 'node:stream'

/**
 * One end of an in-memory wire. node:stream has a duplexPair(), but only since Node 20.17, and it delivers inside the write;
 * here delivery waits for the next tick, as no socket calls back from within write() either. Each write arrives as one chunk.
 */
export class End extends Duplex {
  #peer!: End
  /** The callback of a write that the peer has no room for. */
  #waiting: (() => void) | undefined
  #sentEnd = false

  static wire(highWaterMark = 16_384): [near: End, far: End] {
    const ends: [End, End] = [new End({ highWaterMark }), new End({ highWaterMark })]
    ends[0].#peer = ends[1]
    ends[1].#peer = ends[0]
    return ends
  }

  override _read(): void {
    const waiting = this.#peer.#waiting
    this.#peer.#waiting = undefined
    waiting?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    process.nextTick(() => {
      if (this.#peer.destroyed || this.#peer.push(chunk)) callback()
      else this.#waiting = callback
    })
  }

  override _final(callback: () => void): void {
    this.#sayEnd()
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#sayEnd()
    this._read()
    callback(error)
  }

  #sayEnd(): void {
    if (this.#sentEnd) return
    this.#sentEnd = true
    process.nextTick(() => this.#peer.destroyed || this.#peer.push(null))
  }
}

/** Two ends of one in-memory wire: `near` for the code under test, `far` for whoever plays the other side. */
export function pair(highWaterMark?: number): { near: End; far: End } {
  const [near, far] = End.wire(highWaterMark)
  return { near, far }
}

/** Resolves when everything that is due without time passing has happened: in-memory wires and promises come to rest. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}
