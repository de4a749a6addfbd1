import type { Element } from './element.ts'

/**
 * The major version of XMPP that a stream header names: 0 when it names none, as those of XEP-0114 and of servers before RFC 3920 do
 * (RFC 6120 §4.7.5). Undefined for what is not a version.
 */
export function majorVersion(header: Element): number | undefined {
  const { version } = header.attrs
  if (version === undefined) return 0
  const major = /^([0-9]{1,9})\.[0-9]{1,9}$/.exec(version)?.[1]
  return major === undefined ? undefined : Number(major)
}
