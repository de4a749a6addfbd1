/** Who is meant by a list such as `example.org, pbx@example.net`. */
import { XmppError } from '../errors.ts'
import { bareJid, parseJid } from '../jid.ts'

/**
 * Whether the bearer of a bare JID is named by one of these: `*` is everybody, a domain all its users and itself, any other JID its bearer.
 * @throws XmppError `XMPP_JID_MALFORMED`
 */
export function named(patterns: readonly string[]): (person: string) => boolean {
  if (patterns.includes('*')) return () => true
  const people = new Set<string>()
  const domains = new Set<string>()
  for (const pattern of patterns) {
    const { local, domain } = parseJid(pattern)
    if (local === '') domains.add(domain)
    else people.add(`${local}@${domain}`)
  }
  return person => people.has(person) || domains.has(domainOf(person))
}

/** Whether somebody is a user of the domain that a component's domain is part of; nobody is where that is of one label. */
export function usersOfParent(domain: string): (person: string) => boolean {
  const parent = domain.slice(domain.indexOf('.') + 1)
  if (parent === domain) return () => false
  return person => person.includes('@') && domainOf(person) === parent
}

function domainOf(jid: string): string {
  const bare = bareJid(jid)
  return bare.slice(bare.indexOf('@') + 1)
}

/** What has no localpart is a domain, which may well be a component's (RFC 7622 §3.1). @throws XmppError `PUBSUB_OPTION` */
export function checkNamed(what: string, patterns: readonly string[]): void {
  try {
    named(patterns)
  } catch (error) {
    throw new XmppError('PUBSUB_OPTION', `${what}: ${(error as Error).message}`, { cause: error })
  }
}
