import { SaslError } from '../errors.ts'
import type { Credentials } from './mechanism.ts'

/** @throws SaslError `aborted` when there is no password */
export function passwordOf({ password }: Credentials, mechanism: string): string {
  if (password !== undefined) return password
  throw new SaslError('aborted', `${mechanism} needs a password, and there is none`)
}

/**
 * An access token, which says itself who it is for and what it may (RFC 6750 §2.1).
 * @throws SaslError `aborted` when there is none, or when it holds what no token does; it is not quoted
 */
export function tokenOf({ token }: Credentials, mechanism: string): string {
  if (token === undefined || token === '') {
    throw new SaslError('aborted', `${mechanism} needs an OAuth access token, and there is none`)
  }
  // Wider than RFC 6750's b64token, but nothing that ends a field of the mechanisms' messages.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new SaslError('aborted', 'the OAuth access token holds white space or something else that no token does')
  }
  return token
}
