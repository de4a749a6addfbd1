/** Lets a test wait for what others bring about: who does calls `wake`, and who waits looks again. */
export class Waiters {
  readonly #looks = new Set<() => void>()

  wake(): void {
    for (const look of [...this.#looks]) look()
  }

  /**
   * The first thing that `look` finds, now or at a `wake`. What it throws ends the waiting.
   * @throws Error that `what` did not come within `ms`
   */
  until<T>(look: () => T | undefined, what: () => string, ms = 5000): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#looks.delete(again)
      }
      const again = (): void => {
        try {
          const found = look()
          if (found === undefined) return
          end()
          resolve(found)
        } catch (error) {
          end()
          reject(error)
        }
      }
      const timer = setTimeout(() => {
        end()
        reject(new Error(`${what()}, within ${ms} ms`))
      }, ms)
      this.#looks.add(again)
      again()
    })
  }
}
