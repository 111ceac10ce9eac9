/**
 * The instance's key and what is made of it. One random key of 32 bytes, generated at the first start with owner-only
 * permissions; every use has a key of its own, derived by HKDF-SHA-256 (RFC 5869), so that one use tells nothing of
 * another. What only needs comparing is kept as a keyed hash; what must be read back is sealed with AES-256-GCM.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Random } from '../ids'

export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

export class KeyError extends Error {
  override name = 'KeyError'
}

export interface Keyring {
  /** 32 bytes for one use, always the same for the same name. */
  derive(use: string): Uint8Array
  /** Keyed hash of the parts for one use, base64url. */
  hash(use: string, ...parts: string[]): string
  seal(use: string, plain: string): string
  /** Throws if the text was not sealed for this use by this instance. */
  open(use: string, sealed: string): string
  /** Tells two keys apart without revealing either. */
  readonly fingerprint: string
}

export function createKeyring(key: Uint8Array, random: Random): Keyring {
  if (key.length !== KEY_BYTES) throw new KeyError(`The instance key has ${key.length} bytes instead of ${KEY_BYTES}.`)
  const derived = new Map<string, Uint8Array>()

  function derive(use: string): Uint8Array {
    let found = derived.get(use)
    if (!found) {
      found = new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), `kumbu:${use}`, KEY_BYTES))
      derived.set(use, found)
    }
    return found
  }

  return {
    derive,
    hash(use, ...parts) {
      const hmac = new Bun.CryptoHasher('sha256', derive(use))
      // The length before each part keeps ("ab", "c") and ("a", "bc") apart.
      for (const part of parts) hmac.update(`${part.length}:${part}`)
      return hmac.digest('base64url')
    },
    seal(use, plain) {
      const nonce = random(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', derive(use), nonce)
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
    },
    open(use, sealed) {
      const bytes = Buffer.from(sealed, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', derive(use), bytes.subarray(0, NONCE_BYTES))
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    },
    get fingerprint() {
      return this.hash('fingerprint', 'kumbu').slice(0, 16)
    },
  }
}

/** Compares two keyed hashes without telling by its time where they differ. */
export function sameHash(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
