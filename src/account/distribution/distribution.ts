import type { StateBus } from '../../bus/bus.ts'
import type { BusEvent } from '../../bus/events.ts'
import type { Clock } from '../../clock.ts'
import type { AccountConfig } from '../../config/account.ts'
import { bareJid, formatJid } from '../../jid.ts'
import type { Xep } from '../../routes.ts'
import type { Session } from '../../session.ts'
import { pubsubEvents } from '../../xep/0060-events.ts'
import type { Buddies } from '../buddies.ts'
import type { AccountEvent } from '../events.ts'
import { Comings } from './comings.ts'
import { Membership } from './membership.ts'
import type { Setting } from './nodes.ts'
import type { Farewell } from './share.ts'

/** What accounts share their states by. */
export interface Sharing {
  readonly bus: StateBus
  /**
   * What becomes of our states when an account leaves politely. `mark`, the default, says that our devices are UNAVAILABLE, which res_xmpp understands;
   * `retract` takes all back, `keep` leaves all as it is.
   */
  readonly farewell?: Farewell | undefined
}

/** What the distribution of an account's events needs of it. */
export interface DistributionHost {
  readonly config: () => AccountConfig
  readonly buddies: Buddies
  readonly clock: Clock
  readonly sharing: Sharing | undefined
  /** Takes our secrets out of what others say. */
  readonly hide: (text: string) => string
  readonly emit: (event: AccountEvent) => void
}

/** `distribute_events`: shares states of devices and mailboxes with other PBXes as res_xmpp does, through a PubSub service. */
export class Distribution {
  /** Takes what the service tells. */
  readonly xep: Xep
  readonly #host: DistributionHost
  readonly #comings: Comings
  #membership: Membership | undefined
  #session: Session | undefined
  #unlisten: () => void = () => {}

  constructor(host: DistributionHost) {
    this.#host = host
    this.#comings = new Comings(host.buddies, host.clock, all => this.#membership?.tellThoseWhoCome(all))
    this.xep = pubsubEvents({
      from: jid => jid === this.#membership?.setting.service,
      onEvent: event => this.#membership?.take(event),
    })
  }

  /** The account is started. */
  start(): void {
    const { sharing, config, emit, hide } = this.#host
    const setting = settingOf(config())
    if (setting === undefined || this.#membership !== undefined) return
    if (sharing === undefined) {
      emit({ type: 'warning', text: 'distribute_events has no effect: there is no bus to take states from' })
      return
    }
    const { bus, farewell = 'mark' } = sharing
    this.#membership = new Membership(setting, {
      bus,
      clock: this.#host.clock,
      farewell,
      owners: () => ownersOf(config()),
      warn: text => emit({ type: 'warning', text: hide(text) }),
      notice: text => emit({ type: 'notice', text: hide(text) }),
      skipped: (node, item, reason) => emit({ type: 'skipped', node, item, reason }),
    })
    this.#fellows().add(this.#membership)
    const changed = (event: Extract<BusEvent, { type: 'device' | 'mailbox' }>): void => {
      if (event.eid !== bus.eid) return
      if (event.type === 'device') {
        const { device: name, state, cachable, eid } = event
        this.#membership?.changed('device', name, state && { kind: 'device', eid, name, state, cachable })
      } else {
        const { mailbox: name, counts, eid } = event
        this.#membership?.changed('mailbox', name, counts && { kind: 'mailbox', eid, name, counts })
      }
    }
    const listening = [bus.on('device', changed), bus.on('mailbox', changed)]
    this.#unlisten = () => {
      for (const end of listening) end()
    }
    if (this.#session !== undefined) this.#membership.online(this.#session, false)
  }

  online(session: Session, resumed: boolean): void {
    this.#session = session
    this.#membership?.online(session, resumed)
  }

  /** Somebody's presence has changed, by prepared JID. */
  presence(from: string, available: boolean): void {
    if (this.#membership !== undefined) this.#comings.presence(from, available)
  }

  offline(): void {
    this.#session = undefined
    this.#comings.clear()
    this.#membership?.offline()
  }

  /**
   * Says goodbye for our states, and forgets those of the others; undefined when there is nothing to do.
   * @param forever the account goes on, but not with this
   */
  stop(forever = false): Promise<void> | undefined {
    const membership = this.#membership
    if (membership === undefined) return undefined
    this.#membership = undefined
    this.#comings.clear()
    this.#unlisten()
    return this.#leave(membership, forever)
  }

  async #leave(membership: Membership, forever: boolean): Promise<void> {
    const others = this.#fellows()
    others.delete(membership)
    // Where another account of ours speaks for the same states, they still hold.
    if (![...others].some(({ setting }) => setting.service === membership.setting.service)) await membership.leave()
    if (forever) await membership.unsubscribe()
    membership.end()
  }

  /** All that share the states of one bus. */
  #fellows(): Set<Membership> {
    const { bus } = this.#host.sharing ?? {}
    const known = bus && fellows.get(bus)
    if (known !== undefined) return known
    const made = new Set<Membership>()
    if (bus !== undefined) fellows.set(bus, made)
    return made
  }

  /** Whether another configuration asks for something else: whoever takes it stops this before, and starts it again. */
  isOther(config: AccountConfig): boolean {
    const membership = this.#membership
    if (membership === undefined) return false
    const setting = settingOf(config)
    return (
      setting === undefined ||
      Object.entries(setting).some(([name, value]) => membership.setting[name as keyof Setting] !== value)
    )
  }

  /** The buddies are others than before: who is one now owns what we have created. */
  changeOwners(before: readonly string[]): void {
    const added = ownersOf(this.#host.config()).filter(jid => !before.includes(jid))
    if (added.length > 0) this.#membership?.addOwners(added)
  }
}

function settingOf({
  distribute_events,
  pubsub,
  collection_nodes,
  pubsub_autocreate,
  jid,
}: AccountConfig): Setting | undefined {
  if (!distribute_events || pubsub === undefined) return undefined
  return {
    service: formatJid(pubsub),
    account: bareJid(formatJid(jid)),
    collections: collection_nodes,
    autocreate: pubsub_autocreate,
  }
}

/** Who owns what we create, beside ourselves. */
export function ownersOf({ buddy, jid }: AccountConfig): readonly string[] {
  const own = bareJid(formatJid(jid))
  return buddy.filter(jid => jid !== own)
}

const fellows = new WeakMap<StateBus, Set<Membership>>()
