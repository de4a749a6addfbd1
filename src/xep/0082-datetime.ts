/** XEP-0082 XMPP Date and Time Profiles, version 1.1.1. */

/**
 * A DateTime (§3.2) as ms since 1970, further digits cut off; undefined for what is none. Beside `24:00:00`, which XML Schema has, a
 * leap second is taken where one may be, at the end of a month in UTC: it is the second that follows it, as in all that counts in POSIX time.
 */
export function parseDateTime(text: string): number | undefined {
  const fields = pattern.exec(text)
  if (fields === null) return undefined
  const [year, month, day, hour, minute, second] = fields.slice(1, 7).map(Number) as Six
  const [, , , , , , , fraction = '', zone = 'Z'] = fields
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (year === 0 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const offset = zone === 'Z' ? 0 : offsetOf(zone)
  const midnight = hour === 24 && minute === 0 && second === 0 && /^0*$/.test(fraction)
  if (offset === undefined || (hour > 23 && !midnight) || minute > 59 || second > 60) return undefined
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const whole = date.setUTCHours(hour, minute, second) - offset
  if (second < 60) return whole + ms
  return isMonthsBegin(whole) ? whole : undefined
}

type Six = [number, number, number, number, number, number]

const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/

/** ms east of UTC; XML Schema knows 14 hours at most. */
function offsetOf(zone: string): number | undefined {
  const minutes = Number(zone.slice(4))
  const total = Number(zone.slice(1, 3)) * 60 + minutes
  if (minutes > 59 || total > 14 * 60) return undefined
  return (zone.startsWith('-') ? -total : total) * 60_000
}

function isMonthsBegin(ms: number): boolean {
  const date = new Date(ms)
  return date.getUTCDate() === 1 && ms % 86_400_000 === 0
}
