/** What an application is composed on that is only asked about itself: which routes it has, and which schedules. */
import { silentLog } from '../platform/observability/log'
import { createMetrics } from '../platform/observability/metrics'
import type { Runtime } from '../platform/runtime'
import { createKeyring } from '../platform/security/keyring'

const random = (bytes: number) => new Uint8Array(bytes)

export function describingRuntime(): Runtime {
  return {
    // Describing asks nothing of the database.
    store: { engine: 'sqlite' } as Runtime['store'],
    clock: () => 0,
    random,
    newId: (prefix) => prefix,
    keyring: createKeyring(random(32), random),
    log: silentLog,
    metrics: createMetrics(),
  }
}
