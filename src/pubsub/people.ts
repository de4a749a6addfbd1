import { detached } from '../detached.ts'
import type { Node } from './node.ts'

/** Somebody who is affiliated or subscribed. */
export interface Person {
  /** Bare; detached, and shared by all that is kept of this one. */
  readonly jid: string
  readonly nodes: Set<Node>
  /** How many of the nodes there are it has created, and what is in these. */
  created: number
  items: number
  bytes: number
  /** In the nodes that it has created: who is affiliated, and who is subscribed. */
  affiliations: number
  subscribers: number
  subscriptions: number
  /** How many of these last as long as it is there. */
  temporary: number
}

/** Who has to do with which nodes; nobody who has to do with none. */
export class People {
  readonly #people = new Map<string, Person>()

  /** @param jid bare */
  find(jid: string): Person | undefined {
    return this.#people.get(jid)
  }

  /** @param jid bare; somebody new is made known */
  get(jid: string): Person {
    let person = this.#people.get(jid)
    if (person === undefined) {
      const none = { created: 0, items: 0, bytes: 0, affiliations: 0, subscribers: 0, subscriptions: 0, temporary: 0 }
      person = { jid: detached(jid), nodes: new Set(), ...none }
      this.#people.set(person.jid, person)
    }
    return person
  }

  /** The same text as elsewhere, where it is known. */
  nameOf(jid: string): string {
    return this.#people.get(jid)?.jid ?? detached(jid)
  }

  /** Somebody may have nothing to do with a node any more. */
  released(node: Node, jid: string): void {
    const person = this.#people.get(jid)
    if (person === undefined || node.affiliations.has(jid) || node.subscriptionsOf(jid).length > 0) return
    this.left(node, person)
  }

  /** Somebody has nothing to do with a node any more. */
  left(node: Node, person: Person): void {
    person.nodes.delete(node)
    if (person.nodes.size === 0 && person.created === 0) this.#people.delete(person.jid)
  }

  /** Those with subscriptions that last as long as they are there. */
  *temporary(): Generator<string, void, undefined> {
    for (const { jid, temporary } of this.#people.values()) if (temporary > 0) yield jid
  }
}
