/** Amounts: shares are exact to the unit, and what people read has its currency’s digits. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { currencyDigits, formatMoney, LARGEST_AMOUNT, share } from '../../src/platform/money'

describe('a share of an amount', () => {
  test.each([
    [10_000, 100, 100],
    [5_000, 100, 50],
    [49, 100, 0],
    [50, 100, 1],
    [149, 100, 1],
    [150, 100, 2],
    [1, 10_000, 1],
    [1, 5_000, 1],
    [1, 4_999, 0],
    [123_456, 0, 0],
    [LARGEST_AMOUNT, 10_000, LARGEST_AMOUNT],
  ])('of %i at %i hundredths of a percent is %i', (amount, bps, expected) => {
    expect(share(amount, bps)).toBe(expected)
  })

  test('is exact for every amount, halves rounded up, and never more than the whole', () => {
    const amounts = fc.oneof(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: LARGEST_AMOUNT }))
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 10_000 }), (amount, bps) => {
        const result = share(amount, bps)
        const twiceOff = 2n * (BigInt(result) * 10_000n - BigInt(amount) * BigInt(bps))
        expect(Number.isSafeInteger(result)).toBe(true)
        expect(result).toBeLessThanOrEqual(amount)
        expect(twiceOff > -10_000n && twiceOff <= 10_000n).toBe(true)
      }),
    )
  })
})

describe('an amount in words', () => {
  test.each([
    [125_000, 'USD', 'USD 1,250.00'],
    [5, 'USD', 'USD 0.05'],
    [0, 'MZN', 'MZN 0.00'],
    [-5, 'USD', 'USD -0.05'],
    [-123_456_789, 'USD', 'USD -1,234,567.89'],
    [1_234_567, 'JPY', 'JPY 1,234,567'],
    [7, 'JPY', 'JPY 7'],
    [1_234_567, 'KWD', 'KWD 1,234.567'],
    [LARGEST_AMOUNT, 'USD', 'USD 90,071,992,547,409.91'],
  ])('%i in %s reads %s', (amount, currency, expected) => {
    expect(formatMoney(amount, currency)).toBe(expected)
  })

  test('knows the digits of currencies, and which are none', () => {
    expect(currencyDigits('MZN')).toBe(2)
    expect(currencyDigits('JPY')).toBe(0)
    expect(currencyDigits('TND')).toBe(3)
    expect(currencyDigits('QQQ')).toBeUndefined()
    expect(currencyDigits('usd')).toBeUndefined()
  })
})
