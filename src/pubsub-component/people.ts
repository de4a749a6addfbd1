/** Who is meant by a list such as `example.org, pbx@example.net`. */
import { XmppError } from '../errors.ts'
import { bareJid, type Jid, parseJid } from '../jid.ts'

/**
 * Whether the bearer of a bare JID is named by one of these: `*` is everybody, a domain all its users and itself (it may be a component's), any other JID its bearer.
 * @param what the list, for errors
 * @throws XmppError `PUBSUB_OPTION` for what is no JID
 */
export function named(what: string, patterns: readonly string[]): (person: string) => boolean {
  if (patterns.includes('*')) return () => true
  const people = new Set<string>()
  const domains = new Set<string>()
  for (const pattern of patterns) {
    const { local, domain } = read(what, pattern)
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

function read(what: string, pattern: string): Jid {
  try {
    return parseJid(pattern)
  } catch (error) {
    throw new XmppError('PUBSUB_OPTION', `${what}: ${(error as Error).message}`, { cause: error })
  }
}
