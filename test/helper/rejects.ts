import type { Test } from 'tap'

/**
 * The promise rejects with something that has these fields. Unlike tap's own `rejects` it compares every field, RFC
 * conditions too, and does not take a promise that stays pending for long.
 */
export async function rejects(t: Test, promise: Promise<unknown>, wanted: object, message?: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('neither resolved nor rejected within 5 s')), 5000)
  })
  try {
    const value = await Promise.race([promise, late])
    t.fail(message ?? 'should reject', { value, wanted })
  } catch (error) {
    t.match(error, wanted, message ?? 'rejects')
  } finally {
    clearTimeout(timer)
  }
}

/** The same for a function that throws at once. */
export function throws(t: Test, run: () => unknown, wanted: object, message?: string): void {
  try {
    t.fail(message ?? 'should throw', { value: run(), wanted })
  } catch (error) {
    t.match(error, wanted, message ?? 'throws')
  }
}
