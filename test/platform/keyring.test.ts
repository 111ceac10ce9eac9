/** The instance’s key: what is made of it, and how it is kept and agreed on. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Store } from '../../src/platform/db'
import { openStore } from '../../src/platform/db'
import { agreeOnKey, keyFileIn } from '../../src/platform/security/instance-key'
import { createKeyring, KEY_BYTES, KeyError, sameHash } from '../../src/platform/security/keyring'
import { freshDatabase, type TestDatabase } from '../support/database'

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
const keyOf = (byte: number) => new Uint8Array(KEY_BYTES).fill(byte)
const ring = createKeyring(keyOf(7), random)

describe('a key', () => {
  test('of another length is refused', () => {
    for (const length of [0, 16, 31, 33]) {
      expect(() => createKeyring(new Uint8Array(length), random)).toThrow(KeyError)
    }
  })

  test('has its own key for each use, always the same', () => {
    expect(ring.derive('pin')).toEqual(createKeyring(keyOf(7), random).derive('pin'))
    expect(ring.derive('pin')).not.toEqual(ring.derive('token'))
    expect(ring.derive('pin')).toHaveLength(32)
  })

  test('is told from another by its fingerprint, which is not the key', () => {
    expect(ring.fingerprint).toBe(createKeyring(keyOf(7), random).fingerprint)
    expect(ring.fingerprint).not.toBe(createKeyring(keyOf(8), random).fingerprint)
    expect(Buffer.from(keyOf(7)).toString('base64url')).not.toContain(ring.fingerprint)
  })
})

describe('a keyed hash', () => {
  test('is the same for the same parts and use, and for no others', () => {
    expect(ring.hash('token', 'a', 'b')).toBe(ring.hash('token', 'a', 'b'))
    const others = [
      ring.hash('token', 'b', 'a'),
      ring.hash('token', 'ab'),
      ring.hash('token', 'a', 'b', ''),
      ring.hash('pin', 'a', 'b'),
      createKeyring(keyOf(8), random).hash('token', 'a', 'b'),
    ]
    expect(others).not.toContain(ring.hash('token', 'a', 'b'))
    expect(new Set(others).size).toBe(others.length)
  })

  test('keeps parts apart wherever they are cut', () => {
    const parts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ':', '1', '2', 'é') }), { maxLength: 4 })
    fc.assert(
      fc.property(parts, parts, (left, right) => {
        const same = JSON.stringify(left) === JSON.stringify(right)
        expect(ring.hash('use', ...left) === ring.hash('use', ...right)).toBe(same)
      }),
    )
  })

  test('is compared wholly', () => {
    const hash = ring.hash('token', 'a')
    expect(sameHash(hash, ring.hash('token', 'a'))).toBe(true)
    expect(sameHash(hash, ring.hash('token', 'b'))).toBe(false)
    expect(sameHash(hash, hash.slice(0, -1))).toBe(false)
    expect(sameHash('', '')).toBe(true)
  })
})

describe('a sealed text', () => {
  test('opens to what it was, for its use and under its key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (plain) => {
        const sealed = ring.seal('code', plain)
        expect(ring.open('code', sealed)).toBe(plain)
      }),
    )
    expect(ring.seal('code', '123456')).not.toContain('123456')
  })

  test('is another each time', () => {
    expect(ring.seal('code', '123456')).not.toBe(ring.seal('code', '123456'))
  })

  test('does not open for another use, under another key, or when it was touched', () => {
    const sealed = ring.seal('code', '123456')
    expect(() => ring.open('idempotency', sealed)).toThrow()
    expect(() => createKeyring(keyOf(8), random).open('code', sealed)).toThrow()
    const bytes = Buffer.from(sealed, 'base64url')
    for (let i = 0; i < bytes.length; i++) {
      const touched = Buffer.from(bytes)
      touched[i] = (touched[i] as number) ^ 1
      expect(() => ring.open('code', touched.toString('base64url'))).toThrow()
    }
    for (const cut of [0, 5, 12, 20, bytes.length - 1]) {
      expect(() => ring.open('code', bytes.subarray(0, cut).toString('base64url'))).toThrow()
    }
  })
})

describe('the instance’s key', () => {
  let database: TestDatabase
  let store: Store
  let dataFolder: string
  beforeEach(async () => {
    database = await freshDatabase()
    store = openStore(database.location, { strictUnits: true })
    dataFolder = join(database.folder, 'data')
    mkdirSync(dataFolder)
  })
  afterEach(async () => {
    await store.close()
    await database.drop()
  })
  const agree = (configured?: string, folder = dataFolder) =>
    agreeOnKey(store, random, { configured, dataFolder: folder })
  const why = (attempt: Promise<unknown>) =>
    attempt.then(
      () => 'it was agreed on',
      (error: Error) => `${error.name}: ${error.message}`,
    )

  test('is made at the first start, for its owner alone, and is the same at the next', async () => {
    const first = await agree()
    expect(statSync(keyFileIn(dataFolder)).mode & 0o777).toBe(0o600)
    expect((await agree()).fingerprint).toBe(first.fingerprint)
  })

  test('that is lost is not made anew: nothing in the database would fit it', async () => {
    await agree()
    rmSync(keyFileIn(dataFolder))
    expect(await why(agree())).toContain('KeyError')
    expect(existsSync(keyFileIn(dataFolder))).toBe(false)
  })

  test('that is another than the database was made with is refused', async () => {
    await agree()
    writeFileSync(keyFileIn(dataFolder), Buffer.from(keyOf(9)).toString('base64url'))
    expect(await why(agree())).toContain('is not the one that this database was made with')
  })

  test('may come from the configuration, and is then written nowhere', async () => {
    const configured = Buffer.from(keyOf(9)).toString('base64url')
    expect((await agree(configured)).fingerprint).toBe(createKeyring(keyOf(9), random).fingerprint)
    expect(existsSync(keyFileIn(dataFolder))).toBe(false)
    expect(await why(agree())).toContain('KeyError')
  })

  test('of the wrong length is refused, without being shown', async () => {
    const message = await why(agree('c2VjcmV0'))
    expect(message).toContain('KUMBU_INSTANCE_KEY must hold 32 bytes')
    expect(message).not.toContain('c2VjcmV0')
  })

  test('is in the database only as its fingerprint', async () => {
    await agree()
    const { instance } = await import('../../src/platform/security/schema')
    const rows = JSON.stringify(await store.read.select().from(instance))
    expect(rows).not.toContain(readFileSync(keyFileIn(dataFolder), 'utf8').trim())
  })

  test('is agreed on by copies that start at once: those with another are refused', async () => {
    const outcomes = await Promise.all(
      [1, 1, 2, 2].map((byte) => why(agree(Buffer.from(keyOf(byte)).toString('base64url')))),
    )
    expect(outcomes.filter((outcome) => outcome === 'it was agreed on')).toHaveLength(2)
    expect(outcomes[0] === 'it was agreed on').toBe(outcomes[1] === 'it was agreed on')
  })
})
