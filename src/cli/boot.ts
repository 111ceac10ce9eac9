/** What every verb that touches data does first: take the folder, bring the database up to date, find the key. */
import { eq } from 'drizzle-orm'
import type { Config } from '../config'
import { type DataFolder, type Location, lockDataFolder, migrate, type MigrationReport, openStore, pathsOf, type Store } from '../platform/db'
import { createIds } from '../platform/ids'
import { createLog } from '../platform/observability/log'
import { createMetrics, type Metrics } from '../platform/observability/metrics'
import type { Runtime } from '../platform/runtime'
import { createKeyring, KeyError, type Keyring, loadInstanceKey } from '../platform/security/keyring'
import { instance } from '../platform/security/schema'

export interface Booted {
  runtime: Runtime
  folder: DataFolder
  migrated: MigrationReport
  close(): Promise<void>
}

const clock = () => Date.now()
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
const KEY_FINGERPRINT = 'key_fingerprint'

export function locationOf(config: Config): Location {
  return config.databaseUrl === undefined
    ? { engine: 'sqlite', file: pathsOf(config.data).databaseFile }
    : { engine: 'postgres', url: config.databaseUrl, connections: config.databaseConnections }
}

export async function boot(config: Config): Promise<Booted> {
  const log = createLog({ level: config.logLevel, file: config.logFile })
  const metrics = createMetrics()
  const folder = lockDataFolder(config.data)
  try {
    const location = locationOf(config)
    const migrated = await migrate(location, clock())
    const store = openStore(location, { observer: observe(metrics), strictUnits: config.mode !== 'production' })
    const keyring = await agreeOnKey(config, store)
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

/** Every copy on one database must have the key that the database was made with, or no PIN and no token would fit. */
async function agreeOnKey(config: Config, store: Store): Promise<Keyring> {
  const [known] = await store.read.select().from(instance).where(eq(instance.name, KEY_FINGERPRINT))
  const key = loadInstanceKey(config.instanceKey, config.data, random, known === undefined)
  const keyring = createKeyring(key, random)
  if (known === undefined) {
    const [agreed] = await store.write(async (tx) => {
      await tx.insert(instance).values({ name: KEY_FINGERPRINT, value: keyring.fingerprint }).onConflictDoNothing()
      return tx.select().from(instance).where(eq(instance.name, KEY_FINGERPRINT))
    })
    if (agreed?.value === keyring.fingerprint) return keyring
  } else if (known.value === keyring.fingerprint) {
    return keyring
  }
  throw new KeyError(
    'The instance key is not the one that this database was made with. Copies on one database need the same ' +
      'instance.key (or KUMBU_INSTANCE_KEY), and a restored database needs the key it was backed up with.',
  )
}
