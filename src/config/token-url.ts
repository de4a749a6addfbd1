/**
 * What is wrong with the URL of a token endpoint (RFC 6749 §3.2), undefined for nothing. It is secrets that are sent there: in clear they may go to this
 * machine alone, and only by a name that nobody has to be asked for.
 */
export function tokenUrlFault(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const near = url?.protocol === 'http:' && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url?.protocol !== 'https:' && !near)
    return 'expected an https URL (http is for this machine only: localhost, 127.0.0.1, [::1])'
  if (url?.username !== '' || url.password !== '') return 'a URL that holds a user name or password is not taken'
  return undefined
}
