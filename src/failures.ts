import { retold, type XmppError } from './errors.ts'
import { printable } from './printable.ts'
import type { Step } from './steps.ts'
import type { Target } from './stream/resolve.ts'

/** What has become of one target. */
export interface Failure {
  /** Undefined when there was none yet: it could not be found out which to try. */
  readonly target: Target | undefined
  readonly error: XmppError
  /** How far it came. */
  readonly step: Step
  /** It sent us elsewhere, and there we went. */
  readonly followed?: boolean
}

/** How a target is called in messages. */
export function placeOf({ host, port }: Target): string {
  return `${host} port ${port}`
}

/**
 * What is thrown when no target has led to a session. For a program it is the most telling failure, of the same class, code and
 * condition, with that failure as its cause: of those that came furthest (a name, a connection, words with the server) the
 * last. A person reads of all of them, in order; when all are alike, it is said once.
 * @param trouble what could not be looked up and may be why, in words
 */
export function verdictOn(domain: string, failures: readonly Failure[], trouble: readonly string[]): XmppError {
  const candidates = failures.filter(({ followed }) => followed !== true)
  const furthest = Math.max(...candidates.map(distance))
  const telling = candidates.filter(failure => distance(failure) === furthest).at(-1) as Failure
  const others = failures.filter(failure => failure !== telling)
  if (others.length === 0 && trouble.length === 0) return telling.error
  const what = others.every(failure => alike(failure, telling)) ? once(telling, others) : each(domain, failures)
  return retold(telling.error, [what, ...trouble].join('; '))
}

/** TLS and what is said inside it are equally far: which of them comes first depends on the port. */
function distance({ step }: Failure): number {
  return step === 'resolve' ? 0 : step === 'connect' ? 1 : 2
}

function alike(one: Failure, other: Failure): boolean {
  return one.followed !== true && signs(one) === signs(other)
}

function signs({ error: { code, condition, cause } }: Failure): string {
  return [code, condition, (cause as NodeJS.ErrnoException | undefined)?.code].join(' ')
}

function once({ error, target: own }: Failure, others: readonly Failure[]): string {
  // A port may have been tried with direct TLS and without.
  const places = new Set(others.flatMap(({ target }) => (target === undefined ? [] : [placeOf(target)])))
  if (own !== undefined) places.delete(placeOf(own))
  return places.size === 0 ? error.message : `${error.message}; the same at ${few([...places]).join(', ')}`
}

function each(domain: string, failures: readonly Failure[]): string {
  return `none of the servers of ${domain} could be used: ${few(failures.map(line)).join('; ')}`
}

/** The last ones are those that a server's redirections have led to, of which there can be many. */
function few(texts: readonly string[]): readonly string[] {
  return texts.length <= LINES ? texts : [...texts.slice(0, LINES), `and ${texts.length - LINES} more`]
}

/** What a peer has said may be long, and anything. */
function line({ target, error }: Failure): string {
  const { message } = error
  const text = printable(message.length <= LINE ? message : `${message.slice(0, LINE)}…`)
  if (target === undefined || text.includes(placeOf(target))) return text
  return `${placeOf(target)}${target.direct ? ' (direct TLS)' : ''}: ${text}`
}

/** Characters of one failure's message that are told together with others, and how many are told. */
const LINE = 300
const LINES = 16
