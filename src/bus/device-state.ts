/** The states of a device in Asterisk's words, and what several of them come to. */

export type DeviceState = (typeof deviceStates)[number]

/** In Asterisk's order. */
export const deviceStates = [
  'UNKNOWN',
  'NOT_INUSE',
  'INUSE',
  'BUSY',
  'INVALID',
  'UNAVAILABLE',
  'RINGING',
  'RINGINUSE',
  'ONHOLD',
] as const

/** A state as it is written, in any case; undefined for what is none. */
export function readDeviceState(text: string): DeviceState | undefined {
  const word = text.trim()
  // Letters of other alphabets have capitals that are these.
  return /^[A-Za-z_]+$/.test(word) ? deviceStates.find(state => state === word.toUpperCase()) : undefined
}

/** What counts more comes later. */
const precedence: readonly DeviceState[] = [
  'INVALID',
  'UNKNOWN',
  'UNAVAILABLE',
  'NOT_INUSE',
  'ONHOLD',
  'RINGING',
  'INUSE',
  'BUSY',
  'RINGINUSE',
]

/**
 * What the states of one device at several PBXes come to, as Asterisk has it: the one that counts most; but where one rings and another is INUSE, BUSY
 * or ONHOLD it is RINGINUSE. Of none at all it is INVALID.
 */
export function combineStates(states: Iterable<DeviceState>): DeviceState {
  let most = 0
  let ringing = false
  let busy = false
  for (const state of states) {
    most = Math.max(most, precedence.indexOf(state))
    ringing ||= state === 'RINGING'
    busy ||= state === 'INUSE' || state === 'BUSY' || state === 'ONHOLD'
  }
  return ringing && busy ? 'RINGINUSE' : (precedence[most] as DeviceState)
}
