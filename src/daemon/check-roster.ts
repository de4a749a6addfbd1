import { configured, pruning, readRoster } from '../account/index.ts'
import type { AccountConfig } from '../config/index.ts'
import { describe } from '../errors.ts'
import { printable, printableJson } from '../printable.ts'
import { hiding } from '../secret-forms.ts'
import type { RosterItem } from '../xep/roster.ts'
import { reasonOf } from './hints.ts'
import type { Io } from './io.ts'

/**
 * `res-xmpp check --roster ACCOUNT`: logs in beside the daemon and shows whom autoprune would remove. It changes nothing.
 * @returns the exit code
 */
export async function checkRoster(config: AccountConfig, json: boolean, io: Io): Promise<number> {
  const hide = hiding(configured(config))
  try {
    if (config.type === 'component') throw new Error('a component has no roster')
    const onWarning = (text: string): void => io.stderr(`${printable(text)}\n`)
    const { remove, keep } = pruning(await readRoster(config, { signal: io.signal, onWarning }), config)
    const { name, autoprune } = config
    if (json) io.stdout(`${printableJson({ account: name, autoprune, remove, keep })}\n`)
    else io.stdout(report(config, remove, keep))
    return 0
  } catch (error) {
    const text = `[${config.name}] the roster could not be read: ${reasonOf(error, config, 'nothing', hide)}`
    io.stderr(`${printable(text)}\n`)
    if (json) io.stdout(`${printableJson({ account: config.name, error: hide(describe(error)) })}\n`)
    return 1
  }
}

function report(
  { name, autoprune }: AccountConfig,
  remove: readonly RosterItem[],
  keep: readonly RosterItem[],
): string {
  const total = remove.length + keep.length
  const would = autoprune
    ? 'autoprune=yes removes at the next login, or the reload that switches it on'
    : 'autoprune=yes would remove'
  const lines = [
    `[${printable(name)}] contacts in the roster: ${total}`,
    ...(total === 0
      ? []
      : [`${would}: ${remove.length}`, ...remove.map(line), `named by buddy and kept: ${keep.length}`]),
    ...(total === 0 ? [] : keep.map(line)),
  ]
  return `${lines.join('\n')}\n`
}

function line({ jid, name, subscription }: RosterItem): string {
  return `  ${printable(jid)} (subscription ${subscription}${name === '' ? '' : `, "${printable(name)}"`})`
}
