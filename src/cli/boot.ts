/** What every verb that touches data does first: take the folder, bring the database up to date, find the key. */
import type { Config } from '../config'
import {
  type DataFolder,
  type Location,
  lockDataFolder,
  type MigrationReport,
  migrate,
  openStore,
  pathsOf,
} from '../platform/db'
import { createIds } from '../platform/ids'
import { createLog } from '../platform/observability/log'
import { createMetrics, type Metrics } from '../platform/observability/metrics'
import type { Runtime } from '../platform/runtime'
import { agreeOnKey } from '../platform/security/instance-key'

export interface Booted {
  runtime: Runtime
  folder: DataFolder
  migrated: MigrationReport
  close(): Promise<void>
}

const clock = () => Date.now()
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))

export function locationOf(config: Config): Location {
  return config.databaseUrl === undefined
    ? { engine: 'sqlite', file: pathsOf(config.data).databaseFile }
    : { engine: 'postgres', url: config.databaseUrl, connections: config.databaseConnections }
}

export async function boot(config: Config): Promise<Booted> {
  const log = createLog({ level: config.logLevel, file: config.logFile })
  const metrics = createMetrics()
  // Whatever is written from here on is for the user who runs Kumbu alone.
  process.umask(0o077)
  const folder = lockDataFolder(config.data)
  try {
    const location = locationOf(config)
    const migrated = await migrate(location, clock())
    const store = openStore(location, { observer: observe(metrics), strictUnits: config.mode !== 'production' })
    const keyring = await agreeOnKey(store, random, { configured: config.instanceKey, dataFolder: config.data })
    const runtime = { store, clock, random, newId: createIds(clock, random), keyring, log, metrics }
    return {
      runtime,
      folder,
      migrated,
      async close() {
        await store.close()
        folder.unlock()
      },
    }
  } catch (error) {
    folder.unlock()
    throw error
  }
}

function observe({ storeBatchUnits, storeBatchDuration, storeRetries }: Metrics) {
  return {
    batch(units: number, durationMs: number) {
      storeBatchUnits.observe(units)
      storeBatchDuration.observe(durationMs / 1000)
    },
    retry: () => storeRetries.inc(),
  }
}
