import type { AccountConfig } from '../config/account.ts'
import { mechanisms } from '../sasl/index.ts'
import type { Session } from '../session.ts'

/** What the owner of an account should know of the connection it has. */
export function risksOf({ mechanism, stream }: Session, { tls_verify }: AccountConfig): string[] {
  const { tls } = stream.transport
  const shown = mechanisms.find(({ name }) => name === mechanism)
  if (tls === undefined) return shown?.plaintext ? [`the ${shown.needs} was sent in clear, as usetls=no allows`] : []
  return tls_verify ? [] : ["the server's certificate is not verified (tls_verify=no): anyone could be reading"]
}
