/** The token that a customer reads out: ten digits of which the last catches slips of the tongue. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { newToken, parseToken, qrText } from '../../../src/modules/withdrawals/token'

const token = fc
  .uint8Array({ minLength: 200, maxLength: 200 })
  .filter((bytes) => bytes.filter((byte) => byte < 250).length >= 20)
  .map((bytes) => newToken((count) => bytes.slice(0, count)))

describe('a withdrawal token', () => {
  test('is ten digits, and is read back from every way in which it is shown', () => {
    fc.assert(
      fc.property(token, (digits) => {
        expect(digits).toMatch(/^\d{10}$/)
        for (const shown of [
          digits,
          `${digits.slice(0, 3)} ${digits.slice(3, 6)}-${digits.slice(6)}`,
          qrText(digits),
          ` ${digits} `,
          qrText(digits).toLowerCase(),
        ]) {
          expect(parseToken(shown)).toBe(digits)
        }
      }),
    )
  })

  test('in which one digit was misheard is none', () => {
    fc.assert(
      fc.property(token, fc.nat(9), fc.integer({ min: 1, max: 9 }), (digits, place, by) => {
        const slip = String((Number(digits[place]) + by) % 10)
        expect(parseToken(digits.slice(0, place) + slip + digits.slice(place + 1))).toBeUndefined()
      }),
    )
  })

  test('in which two neighbours changed places is none, except for 0 and 9', () => {
    fc.assert(
      fc.property(token, fc.nat(8), (digits, place) => {
        const [a, b] = [digits[place] as string, digits[place + 1] as string]
        const swapped = digits.slice(0, place) + b + a + digits.slice(place + 2)
        const unnoticed = a === b || [a, b].sort().join('') === '09'
        expect(parseToken(swapped)).toBe(unnoticed ? swapped : undefined)
      }),
    )
  })

  test('is never found in what has another length or other characters', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), (text) => {
        const found = parseToken(text)
        if (found !== undefined) expect(text.replaceAll(/\D/g, '')).toBe(found)
      }),
    )
    expect(parseToken(`KUMBU:W:KUMBU:W:4829135570`)).toBeUndefined()
  })
})
