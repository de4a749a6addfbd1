import { describe } from '../errors.ts'
import { type Jid, parseJid } from '../jid.ts'
import type { AccountOptions } from './options.ts'
import type { Sheet } from './sheet.ts'

/** Checks `distribute_events` and `pubsub_node`. @returns the service, prepared */
export function readPubsub(sheet: Sheet<AccountOptions>): Jid | undefined {
  const wanted = sheet.get('distribute_events') === true
  const text = sheet.get('pubsub_node')
  if (text !== undefined) {
    try {
      return parseJid(text)
    } catch (error) {
      sheet.error('bad-value', 'pubsub_node', describe(error))
    }
  } else if (wanted) {
    sheet.error('missing', 'pubsub_node', nowhere, sheet.given('distribute_events').at(-1))
  }
  return undefined
}

const nowhere =
  'distribute_events needs the JID of a PubSub service: without one, states would go to the PEP node of the account itself, where its contacts may read them'

/** Says what `sendtodialplan` and `context` come to. */
export function warnOfDialplan(sheet: Sheet<AccountOptions>): void {
  if (sheet.get('sendtodialplan')) {
    sheet.warn(
      'not-built',
      'sendtodialplan',
      'messages are not handed to the dialplan yet: it has no effect in this version',
    )
  }
  // Asterisk takes it, and then finds no extension in it.
  if (sheet.get('context') === '') {
    sheet.warn('bad-value', 'context', 'it is empty: there is no context of that name in any dialplan')
  }
}
