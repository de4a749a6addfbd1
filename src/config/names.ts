/** A name as it is compared: Asterisk ignores the case of ASCII letters, and of those only. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, letters => letters.toLowerCase())
}

/**
 * A mistyped option name that is fit for a message. Somebody may have written `secret: hunter=2` or `secret hunter=2`, where
 * half of the secret counts as the name: so only the first word is ever shown.
 */
export function shownName(name: string): string {
  const word = /^[\w.-]{1,40}/.exec(name)?.[0] ?? ''
  return word === name ? name : `${word}…`
}

/** A value that is fit for a message: in quotes, and no more than 60 characters of it. */
export function shownValue(text: string): string {
  const characters = [...text]
  return characters.length > 60 ? `"${characters.slice(0, 60).join('')}…"` : `"${text}"`
}

/** The known name nearest to a mistyped one by edit distance, or undefined when none is near enough to be meant. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const typed = foldName(/^[\w.-]{1,40}/.exec(name)?.[0] ?? '')
  if (typed === '') return undefined
  let nearest: string | undefined
  let best = Math.max(1, Math.floor(typed.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(typed, foldName(candidate))
    if (distance < best) {
      best = distance
      nearest = candidate
    }
  }
  return nearest
}

/** ` (did you mean "usetls"?)`, or nothing when no known name is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? '' : ` (did you mean "${nearest}"?)`
}

/** Letters to insert, drop, change or swap with their neighbour to get from one word to the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      current.push(cost)
    }
    before = above
    above = current
  }
  return above[b.length] ?? 0
}
