/** Services of ours, attached to real servers. */
import type { Test } from 'tap'
import {
  type PubsubComponent as Component,
  PubsubComponent,
  type PubsubComponentOptions,
} from '../../../src/pubsub-component/index.ts'
import { Waiters } from '../../helper/waiters.ts'
import type { LiveServer } from '../servers/servers.ts'

/** Attaches a service of this process; gone with the test. Resolves when it is there. */
export async function attach(
  t: Test,
  server: LiveServer,
  domain: string,
  options: Partial<PubsubComponentOptions> = {},
): Promise<Component> {
  const { componentSecret: secret, componentPort: port } = server
  const service = new PubsubComponent({ domain, secret, host: '127.0.0.1', port, ...options })
  const news = new Waiters()
  let online = false
  let lost: unknown
  service.on('online', () => {
    online = true
    news.wake()
  })
  service.on('offline', ({ error }) => {
    lost = error
  })
  t.teardown(() => service.stop())
  await service.start()
  await news.until(
    () => online || undefined,
    () => `${domain} is not attached: ${lost}`,
    10_000,
  )
  return service
}
