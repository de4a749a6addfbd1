import { SaslError } from '../errors.ts'

/** A directive's name in lower case, and its value without quotes. */
export type Directive = readonly [name: string, value: string]

/** RFC 2831 §2.1.1 and §2.1.2: no message of DIGEST-MD5 is as long as 4096 octets, and a challenge is shorter still. */
const LONGEST = 4096

// RFC 2831 §7.1: token and quoted-string; a quoted one holds no control characters, and a backslash takes the next one as it is.
const TOKEN = "[!#$%&'*+\\-.0-9A-Z^_`a-z|~]+"
const DIRECTIVE = new RegExp(`(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\\\p{Cc}]|\\\\\\P{Cc})*)"|(${TOKEN}))`, 'uy')
// A list may hold empty elements (§7.1, the # rule).
const GAP = /[ \t\r\n,]*/y

/**
 * The directives of a message of DIGEST-MD5 in their order.
 * @param whose who has sent it, for the message of an error
 * @throws SaslError `malformed-request` for what is no list of directives, or too long a one
 */
export function readDirectives(message: string, whose: string): readonly Directive[] {
  if (message.length >= LONGEST) throw malformed(whose, 'it is too long')
  const directives: Directive[] = []
  let at = skip(message, 0)
  while (at < message.length) {
    DIRECTIVE.lastIndex = at
    const match = DIRECTIVE.exec(message)
    if (match === null) throw malformed(whose, `no directive at offset ${at}`)
    const [, name = '', quoted, token = ''] = match
    directives.push([name.toLowerCase(), quoted?.replace(/\\(.)/gsu, '$1') ?? token])
    const end = DIRECTIVE.lastIndex
    at = skip(message, end)
    if (at < message.length && !message.slice(end, at).includes(','))
      throw malformed(whose, `no comma at offset ${end}`)
  }
  return directives
}

/**
 * The value of a directive that may stand there once; undefined when it does not.
 * @throws SaslError `malformed-request` when it stands there twice
 */
export function single(directives: readonly Directive[], name: string, whose: string): string | undefined {
  const found = directives.filter(([each]) => each === name)
  if (found.length > 1) throw malformed(whose, `${name} is given twice`)
  return found[0]?.[1]
}

/** A value in quotes (RFC 2831 §7.1). */
export function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

/** What is thrown for a message that is not as RFC 2831 says. */
export function malformed(whose: string, why: string): SaslError {
  return new SaslError('malformed-request', `${whose} DIGEST-MD5 message is refused: ${why}`)
}

function skip(message: string, from: number): number {
  GAP.lastIndex = from
  GAP.exec(message)
  return GAP.lastIndex
}
