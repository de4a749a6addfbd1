import { systemClock } from '../clock.ts'
import type { AccountConfig } from '../config/account.ts'
import { TlsSessions } from '../stream/tls-sessions.ts'
import { fetchRoster, type RosterItem } from '../xep/roster.ts'
import { connectAccount } from './connect.ts'
import { Tokens } from './tokens.ts'

/**
 * Logs in as an account does, but beside it and seen by nobody: with a resource of its own and without presence. Reads the roster, and leaves.
 * @throws what connecting and {@link fetchRoster} throw; the signal's reason
 */
export async function readRoster(
  config: AccountConfig,
  { signal, onWarning }: { readonly signal: AbortSignal; readonly onWarning: (text: string) => void },
): Promise<RosterItem[]> {
  const tokens = new Tokens(systemClock, onWarning)
  const resource = `roster-${crypto.randomUUID()}`
  const session = await connectAccount(
    { ...config, jid: { ...config.jid, resource }, stream_management: false },
    {
      signal,
      redirect: undefined,
      earlier: undefined,
      xeps: [],
      stream: {},
      onProgress: () => {},
      onTarget: () => {},
      dns: undefined,
      random: undefined,
      sessions: new TlsSessions(),
      userAgentId: crypto.randomUUID(),
      token: refused => tokens.fetch(config, signal, refused),
      session: {},
    },
  )
  const running = session.run()
  running.catch(() => {})
  try {
    return await fetchRoster(session, { signal })
  } finally {
    await session.close()
  }
}

/** Whom autoprune would remove from a roster, and who would stay. */
export function pruning(
  roster: readonly RosterItem[],
  { buddy }: AccountConfig,
): { readonly remove: readonly RosterItem[]; readonly keep: readonly RosterItem[] } {
  const named = new Set(buddy)
  return { remove: roster.filter(({ jid }) => !named.has(jid)), keep: roster.filter(({ jid }) => named.has(jid)) }
}
