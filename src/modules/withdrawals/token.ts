/**
 * The withdrawal token: ten digits that a person can read out, of which the last is a check digit (Luhn, ISO/IEC
 * 7812-1 annex B). A slip of the tongue is caught before it counts as a guess. The QR code holds the same digits behind a
 * prefix that says what they are.
 */
import type { Random } from '../../platform/ids'
import { randomDigits } from '../identity'

const DIGITS = 10
const QR_PREFIX = 'KUMBU:W:'

export function newToken(random: Random): string {
  const body = randomDigits(random, DIGITS - 1)
  return body + checkDigit(body)
}

/** The digits of a token as typed (`482 913-557 0`) or scanned; `undefined` if it cannot be one. */
export function parseToken(given: string): string | undefined {
  const text = given.trim().toUpperCase()
  const digits = (text.startsWith(QR_PREFIX) ? text.slice(QR_PREFIX.length) : text).replaceAll(/[\s-]/g, '')
  if (!/^\d{10}$/.test(digits)) return undefined
  return checkDigit(digits.slice(0, -1)) === digits.slice(-1) ? digits : undefined
}

export const qrText = (token: string) => QR_PREFIX + token

function checkDigit(body: string): string {
  let sum = 0
  for (let i = 0; i < body.length; i++) {
    const digit = Number(body[body.length - 1 - i])
    const doubled = i % 2 === 0 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return String((10 - (sum % 10)) % 10)
}
