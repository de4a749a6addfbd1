/** How a state of ours gets to a service. */
import type { Report } from '../../bus/events.ts'
import { StanzaError } from '../../errors.ts'
import type { Session } from '../../session.ts'
import { publish, retract } from '../../xep/0060-items.ts'
import type { Layout } from './layout.ts'
import { type Kind, type Nodes, PATIENCE, roots, type Setting } from './nodes.ts'
import { payloadOf } from './payload.ts'
import { keyOf } from './watch.ts'

/** What publishing needs of a membership. */
export interface PublishingHost {
  readonly setting: Setting
  readonly nodes: Nodes
  readonly layout: Layout
  /** Whose state is in an item, as far as that is known. */
  readonly holder: (key: string) => string | undefined
}

/** Publishes items, in whichever node they belong to, and with what a service needs for it. */
export class Publishing {
  readonly #host: PublishingHost
  /** The service does not take conditions. */
  #unconditional = false

  constructor(host: PublishingHost) {
    this.#host = host
  }

  /** Where something is published. */
  nodeOf(kind: Kind, name: string): string {
    return this.#host.layout.mode === 'flat' ? roots[kind] : name
  }

  /**
   * Publishes, and creates what is not there.
   * @param node where something else than the state itself is to be told
   * @throws what publishing and creating throw
   */
  async publish(session: Session, report: Report, node = this.nodeOf(report.kind, report.name)): Promise<void> {
    const { nodes } = this.#host
    const { kind } = report
    if (nodes.wanted(node)) await this.#create(session, node, kind)
    try {
      await this.#publishOnce(session, node, report)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      if (error.condition === 'item-not-found') {
        nodes.gone(node)
        await this.#create(session, node, kind)
      } else if (error.condition !== 'forbidden' || !(await this.#makeRoom(session, node, report))) throw error
      await this.#publishOnce(session, node, report)
    }
    nodes.found(node)
  }

  /**
   * COMPAT ejabberd: an item can be published again by whoever published it first and nobody else, though an owner may delete it. Another PBX has the
   * same device then; it is not told, for its state still holds.
   */
  async #makeRoom(session: Session, node: string, report: Report): Promise<boolean> {
    const holder = this.#host.holder(keyOf(report.kind, report.name))
    if (holder === undefined || holder === report.eid) return false
    try {
      await retract(session, this.#host.setting.service, node, [report.name], { notify: false, timeout: PATIENCE })
      return true
    } catch (error) {
      if (error instanceof StanzaError) return false
      throw error
    }
  }

  async #publishOnce(session: Session, node: string, report: Report): Promise<void> {
    const item = { id: report.name, payload: payloadOf(report) }
    const { service } = this.#host.setting
    const passing = report.kind === 'device' && !report.cachable
    if (passing && !this.#unconditional) {
      try {
        await publish(session, service, node, [item], { options: { persist_items: false }, timeout: PATIENCE })
        return
      } catch (error) {
        // The node keeps its items, or the service knows no conditions: then it is kept there.
        if (!(error instanceof StanzaError) || !refusesConditions.has(error.condition)) throw error
        this.#unconditional ||= error.condition === 'feature-not-implemented'
      }
    }
    await publish(session, service, node, [item], { timeout: PATIENCE })
  }

  async #create(session: Session, node: string, kind: Kind): Promise<void> {
    const { nodes, layout } = this.#host
    if (node === roots[kind]) {
      await nodes.create(session, node)
      return
    }
    if (await nodes.create(session, node, roots[kind])) await layout.leafSeen(session, node, kind)
  }

  /** Takes back what may be there. @throws what {@link retract} throws */
  async retract(session: Session, kind: Kind, name: string): Promise<void> {
    const node = this.nodeOf(kind, name)
    try {
      await retract(session, this.#host.setting.service, node, [name], { notify: true, timeout: PATIENCE })
    } catch (error) {
      if (!(error instanceof StanzaError) || error.condition !== 'item-not-found') throw error
    }
  }
}

const refusesConditions: ReadonlySet<string> = new Set([
  'conflict',
  'feature-not-implemented',
  'bad-request',
  'not-acceptable',
])
