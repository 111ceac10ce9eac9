/**
 * What every part is given instead of reaching for it: the clock, identifiers, randomness, the store, keys and logs.
 * A test hands in its own.
 */
import type { Store } from './db'
import type { Clock, NewId, Random } from './ids'
import type { Log } from './observability/log'
import type { Metrics } from './observability/metrics'
import type { Keyring } from './security/keyring'

export interface Runtime {
  store: Store
  clock: Clock
  newId: NewId
  random: Random
  keyring: Keyring
  log: Log
  metrics: Metrics
}
