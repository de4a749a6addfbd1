/** Options of parts that are built on top of an account: what they say is checked here, and handed on. */
import { describe } from '../errors.ts'
import { formatJid, parseJid } from '../jid.ts'
import type { AccountOptions, OptionName } from './options.ts'
import type { Sheet } from './sheet.ts'

type AccountSheet = Sheet<AccountOptions>

/** Checks `distribute_events` and `pubsub_node`, which is prepared. */
export function checkEvents(sheet: AccountSheet): void {
  const node = sheet.get('pubsub_node')
  if (node !== undefined) {
    try {
      sheet.set('pubsub_node', formatJid(parseJid(node)))
    } catch (error) {
      sheet.error('bad-value', 'pubsub_node', `it is the JID of a PubSub service: ${describe(error)}`)
    }
  }
  if (!sheet.get('distribute_events')) return
  if (node === undefined) {
    const where =
      'pubsub.example.org, say; without it states would be published at the account itself, for its contacts'
    sheet.error('missing', 'pubsub_node', `distribute_events needs the JID of a PubSub service (${where})`)
  }
  warnOfUnbuilt(sheet, 'distribute_events', 'device and mailbox states are not shared yet: that is not built')
}

/** Checks `sendtodialplan` and `context`. */
export function checkDialplan(sheet: AccountSheet): void {
  if (sheet.get('context') === '') sheet.error('bad-value', 'context', 'it is empty, and no context is called so')
  if (!sheet.get('sendtodialplan')) return
  warnOfUnbuilt(sheet, 'sendtodialplan', 'messages are not handed to a dialplan yet: that is not built')
}

function warnOfUnbuilt(sheet: AccountSheet, name: OptionName, message: string): void {
  sheet.warn('not-built', name, message)
}
