/**
 * Passwords that a guesser tries first: those of a list of breached ones, and those that anybody can make up who knows
 * the keyboard, the person or the name of the program. A new password is refused if it is one of them (NIST SP
 * 800-63B-4, 3.1.1.2; OWASP ASVS 5.0, 6.2.4, 6.2.11 and 6.2.12).
 *
 * The list is embedded, so it needs no network, and stays on the disk: a look-up reads a third of a kilobyte of it.
 * `scripts/common-passwords.ts` makes it.
 */
import list from './common-passwords.bin' with { type: 'file' }

/** What a person's own data are; a password made of nothing else is as good as told. */
export interface About {
  email?: string
  name?: string
}

/** No password is shorter, so the list holds none that is. */
export const SHORTEST = 8

export async function isCommonPassword(password: string, about: About = {}): Promise<boolean> {
  const text = normalized(password)
  if (isRow(text) || isOwn(text, about)) return true
  const unit = repeatedUnit(text)
  if (unit.length < text.length && unit.length < SHORTEST) return true
  for (const candidate of new Set([text, unit, withoutEdges(text)])) {
    if (await isListed(candidate)) return true
  }
  return false
}

/** How passwords are compared: what looks the same is the same, and capitals make no difference. */
export const normalized = (text: string): string => text.normalize('NFKC').toLowerCase()

// --- what is easy to make up

/** Written round and round, so that "7890123" is a row as well; the keyboards are QWERTY, AZERTY and QWERTZ. */
const ROWS = [
  '1234567890',
  'abcdefghijklmnopqrstuvwxyz',
  '!@#$%^&*()',
  'qwertyuiopasdfghjklzxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  'qwertzuiopasdfghjklyxcvbnm',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/',
  'qazwsxedcrfvtgbyhnujmikolp',
]

/** A row of letters, digits or keys of the whole length, in either direction: "23456789", "poiuytrewq". */
function isRow(text: string): boolean {
  const reversed = [...text].reverse().join('')
  return ROWS.some((row) => {
    const round = row.repeat(Math.ceil(text.length / row.length) + 1)
    return round.includes(text) || round.includes(reversed)
  })
}

/** The shortest block that the text repeats at least twice ("abc" of "abcabcab"), or the text itself. */
function repeatedUnit(text: string): string {
  for (let length = 1; length * 2 <= text.length; length++) {
    if (text.startsWith(text.slice(length))) return text.slice(0, length)
  }
  return text
}

/** "password123!" is "password123" for whoever guesses. */
const withoutEdges = (text: string): string => text.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '')

/** Letters alone and without accents: "João da Silva" and "joao-dasilva-1990" have the same ones. */
const letters = (text: string): string => normalized(text).normalize('NFD').replace(/\P{L}/gu, '')

/**
 * The person's e-mail address, what stands before its @, their name, or the name of the program, in any order and
 * whatever digits and punctuation stand among them. The domain's words alone do not count: they are rarely the person's
 * own, and some are words of every day.
 */
function isOwn(text: string, { email = '', name = '' }: About): boolean {
  const local = email.split('@')[0] ?? ''
  if ([email, local, name].some((own) => normalized(own) === text)) return true
  const parts = `${local} ${name}`.split(/[^\p{L}\p{M}]+/u)
  const words = ['kumbu', email, local, name, ...parts].map(letters).filter((word) => word.length >= 2)
  return isChainOf(words, letters(text))
}

function isChainOf(words: readonly string[], text: string): boolean {
  if (text === '') return false
  const reached = new Set([0])
  for (const at of reached) {
    for (const word of words) if (text.startsWith(word, at)) reached.add(at + word.length)
  }
  return reached.has(text.length)
}

// --- the list

/**
 * A password's SHA-256 puts it into one of 4,096 buckets and gives it a number of 28 bits there. The file starts with
 * where each bucket begins and the last one ends (uint32, big-endian); a bucket is its numbers in rising order, each as
 * the difference from the one before in Golomb-Rice code: the difference's high part as so many ones and a zero, then
 * its LOW_BITS low bits. Ones fill the last byte. A password that is not in the list is taken for one with a
 * probability of the entries a bucket over 2^28: with 475,000 of them, 1 in 2.3 million.
 */
export const BUCKETS = 4096
export const LOW_BITS = 21

export function placeOf(text: string): { bucket: number; value: number } {
  const digest = new Bun.CryptoHasher('sha256').update(text).digest()
  return { bucket: digest.readUInt16BE(0) >>> 4, value: digest.readUInt32BE(2) >>> 4 }
}

async function isListed(text: string): Promise<boolean> {
  const { bucket, value } = placeOf(text)
  const file = Bun.file(list)
  const bounds = new DataView(await file.slice(bucket * 4, bucket * 4 + 8).arrayBuffer())
  const bits = new Uint8Array(await file.slice(bounds.getUint32(0), bounds.getUint32(4)).arrayBuffer())
  return holds(bits, value)
}

function holds(bytes: Uint8Array, value: number): boolean {
  const end = bytes.length * 8
  const bit = (at: number) => ((bytes[at >>> 3] ?? 0) >>> (7 - (at & 7))) & 1
  let at = 0
  let current = 0
  while (at < end) {
    let high = 0
    while (at < end && bit(at++) === 1) high++
    if (at + LOW_BITS > end) return false
    let low = 0
    for (const stop = at + LOW_BITS; at < stop; at++) low = low * 2 + bit(at)
    current += high * 2 ** LOW_BITS + low
    if (current >= value) return current === value
  }
  return false
}
