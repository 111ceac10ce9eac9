/** Where the instance's key is kept, and the proof that it is the one that the database was made with. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import type { Store } from '../db'
import type { Random } from '../ids'
import { createKeyring, KEY_BYTES, KeyError, type Keyring } from './keyring'
import { instance } from './schema'

const KEY_FINGERPRINT = 'key_fingerprint'

export interface KeySource {
  /** The key from the configuration, base64url. */
  configured: string | undefined
  dataFolder: string
}

/** Every copy on one database must have the key that the database was made with, or no PIN and no token would fit. */
export async function agreeOnKey(store: Store, random: Random, source: KeySource): Promise<Keyring> {
  const [known] = await store.read.select().from(instance).where(eq(instance.name, KEY_FINGERPRINT))
  const key = loadInstanceKey(source, random, known === undefined)
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

export function keyFileIn(dataFolder: string): string {
  return join(dataFolder, 'instance.key')
}

/** The key from configuration (base64url), or from the data folder, where it is made if `mayCreate`. */
function loadInstanceKey({ configured, dataFolder }: KeySource, random: Random, mayCreate: boolean): Uint8Array {
  if (configured !== undefined) return decodeKey(configured, 'KUMBU_INSTANCE_KEY')
  const file = keyFileIn(dataFolder)
  if (existsSync(file)) return decodeKey(readFileSync(file, 'utf8').trim(), file)
  if (!mayCreate) {
    throw new KeyError(
      `The instance key ${file} is missing, and this database was made with one: put the file back from your backup, or set KUMBU_INSTANCE_KEY.`,
    )
  }
  const key = random(KEY_BYTES)
  writeFileSync(file, `${Buffer.from(key).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  return key
}

function decodeKey(text: string, where: string): Uint8Array {
  const key = new Uint8Array(Buffer.from(text, 'base64url'))
  if (key.length !== KEY_BYTES) {
    throw new KeyError(`${where} must hold ${KEY_BYTES} bytes in base64url (43 characters); it holds ${key.length}.`)
  }
  return key
}
