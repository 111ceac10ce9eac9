/**
 * Prefixed identifiers that sort by the moment they were made: `txn_` + 10 characters of milliseconds + 10 of a counter
 * that starts at a random place in each millisecond (Crockford base 32, as in the ULID specification). Rows made one
 * after another lie next to each other in every index, which is what keeps a large ledger as quick as a small one.
 * They tell nobody anything but their time: whoever needs a secret takes `random` instead.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const COUNTER_SPAN = 2 ** 50

export type Clock = () => number
/** `random(n)` gives n bytes from a cryptographic source. */
export type Random = (bytes: number) => Uint8Array
export type NewId = (prefix: string) => string

export function createIds(clock: Clock, random: Random): NewId {
  let at = -1
  let stamp = ''
  let counter = 0
  return (prefix) => {
    const now = clock()
    if (now > at) {
      at = now
      stamp = encode(at)
      counter = startingPoint(random)
    } else {
      counter += 1
    }
    return `${prefix}_${stamp}${encode(counter)}`
  }
}

/** Half of the span is left free above the starting point, so the counter never overflows within a millisecond. */
function startingPoint(random: Random): number {
  const bytes = random(6)
  let value = 0
  for (const byte of bytes) value = value * 256 + byte
  return value % (COUNTER_SPAN / 2)
}

function encode(value: number): string {
  let high = Math.floor(value / 2 ** 25)
  let low = value % 2 ** 25
  let lowText = ''
  let highText = ''
  for (let i = 0; i < 5; i++) {
    lowText = ALPHABET[low & 31] + lowText
    highText = ALPHABET[high & 31] + highText
    low >>>= 5
    high >>>= 5
  }
  return highText + lowText
}

/** What an id of this prefix looks like. */
export const idForm = (prefix: string): RegExp => new RegExp(`^${prefix}_[0-9a-z]{20}$`)

/** Where the ids of this prefix begin that were made at the moment or later: ids sort by their time. */
export const firstIdAt = (prefix: string, moment: number): string => `${prefix}_${encode(Math.max(0, moment))}`

/** The twenty characters of an id, made of a keyed hash instead of the time. */
export function idText(hash: Uint8Array): string {
  return Array.from(hash.subarray(0, 20), (byte) => ALPHABET[byte & 31]).join('')
}
