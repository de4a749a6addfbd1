import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import { nodeInfo, pubsubFeatures } from '../../xep/0060-discovery.ts'
import { isInCollection } from '../../xep/0248-collections.ts'
import { PATIENCE, roots, type Setting } from './nodes.ts'

/**
 * How states are shared: as items of two nodes, or each in a node of its own, in a collection; `leaves` when the service has no collections, whatever it
 * says, so that the nodes have to be looked for.
 */
export type Mode = 'flat' | 'collections' | 'leaves'

/**
 * Which way it is. Services without collections accept what asks for them, and then do nothing (XEP-0248): ejabberd even says that a node is one. So the first
 * leaf has to show it.
 */
export class Layout {
  readonly #setting: Setting
  readonly #onInert: () => void
  #mode: Mode
  #verified = false

  /** @param onInert the service turns out to have no collections */
  constructor(setting: Setting, onInert: () => void) {
    this.#setting = setting
    this.#onInert = onInert
    this.#mode = setting.collections ? 'collections' : 'flat'
  }

  get mode(): Mode {
    return this.#mode
  }

  /** A leaf was seen to be in its collection, which then tells of all others. */
  get verified(): boolean {
    return this.#mode === 'collections' && this.#verified
  }

  /** The service may be another one now. */
  restart(): void {
    if (this.#mode === 'leaves') this.#mode = 'collections'
    this.#verified = false
  }

  /** Asks the service what it has. @throws what asking throws, but for its refusal */
  async ask(session: Session): Promise<void> {
    if (this.#mode !== 'collections' || this.#verified) return
    try {
      const features = await pubsubFeatures(session, this.#setting.service, { timeout: PATIENCE })
      if (!features.has('collections')) this.contradict()
    } catch (error) {
      // A service that says nothing of itself shows by what it does what it can do.
      if (!(error instanceof StanzaError)) throw error
    }
  }

  /** There is a node that should be a collection. */
  async rootSeen(session: Session, root: string): Promise<void> {
    if (this.#mode !== 'collections' || this.#verified) return
    try {
      const { type } = await nodeInfo(session, this.#setting.service, root, { timeout: PATIENCE })
      if (type !== 'collection') this.contradict()
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      this.contradict()
    }
  }

  /** There is a leaf that should be in a collection. */
  async leafSeen(session: Session, leaf: string, kind: keyof typeof roots): Promise<void> {
    if (this.#mode !== 'collections' || this.#verified) return
    const { service } = this.#setting
    if (await isInCollection(session, service, leaf, roots[kind], { timeout: PATIENCE })) this.#verified = true
    else this.contradict()
  }

  /** Something has happened that happens in no collection. */
  contradict(): void {
    if (this.#mode !== 'collections') return
    this.#mode = 'leaves'
    this.#onInert()
  }
}
