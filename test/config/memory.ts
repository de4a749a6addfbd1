import { expandGlob, type FileSource } from '../../src/config/index.ts'

/** A file system that is a plain object: absolute path to content. A directory is what is before the last slash of a path. */
export function memory(
  files: Readonly<Record<string, string | Uint8Array>>,
): FileSource & { readonly asked: string[] } {
  const contents = new Map(Object.entries(files))
  const asked: string[] = []
  return {
    asked,
    read(path) {
      asked.push(path)
      const content = contents.get(path)
      return typeof content === 'string' ? Buffer.from(content) : content
    },
    glob(pattern) {
      asked.push(pattern)
      return expandGlob(pattern, directory => {
        const prefix = directory.endsWith('/') ? directory : `${directory}/`
        const below = [...contents.keys()].filter(path => path.startsWith(prefix))
        return [...new Set(below.map(path => path.slice(prefix.length).split('/')[0] ?? ''))]
      })
    },
  }
}

/** A real certificate, good for a hundred years. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUH6u2zQaBI0SxdPD3ZtY3cteqN3MwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjIwOTQxNTlaGA8yMTI2MTAyOTA5
NDE1OVowEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABBTXct9UhDlQZzcNQSWspcC8Tq+3Ka8tOpipEx/0RHERjQg4o0UDP/wMoZt9
XjNyCmktsfWx49DvetcFQ3ktZTujUzBRMB0GA1UdDgQWBBSyu07EhCQDBA7QJ1DQ
z2X36zsYmzAfBgNVHSMEGDAWgBSyu07EhCQDBA7QJ1DQz2X36zsYmzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBwbDdPUdJBcBwN59o7PVcjhAgXu
dcitwht+apvAg3wBAiB1jXA7e8Tzp0074n+WjHzmtuwVwF5FMWgYeJ6seA4gug==
-----END CERTIFICATE-----
`
