/** ms this process has computed, all threads counted: what a test takes of it does not depend on who else is busy. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
