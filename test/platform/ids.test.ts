/** Identifiers: each is one of a kind, and they sort by the moment they were made. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createIds } from '../../src/platform/ids'

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
const START = Date.UTC(2026, 10, 24, 9, 30)

describe('identifiers', () => {
  test('bear their prefix and twenty characters of Crockford’s base 32', () => {
    const newId = createIds(() => START, random)
    expect(newId('txn')).toMatch(/^txn_[0-9a-hjkmnp-tv-z]{20}$/)
    expect(
      createIds(
        () => 0,
        () => new Uint8Array(6),
      )('x'),
    ).toBe('x_00000000000000000000')
  })

  test('are one of a kind and sort in the order they were made, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 1, maxLength: 200 }), (steps) => {
        let now = START
        const newId = createIds(() => now, random)
        const made = steps.map((step) => {
          now += step
          return newId('txn')
        })
        expect(new Set(made).size).toBe(made.length)
        expect([...made].sort()).toEqual(made)
      }),
    )
  })

  test('of a later millisecond sort after all of an earlier one, whoever made them', () => {
    for (let i = 0; i < 50; i++) {
      const [early, late] = [createIds(() => START, random), createIds(() => START + 1, random)]
      for (let n = 0; n < 20; n++) early('txn')
      expect(early('txn') < late('txn')).toBe(true)
    }
  })

  test('made by two copies in one millisecond differ', () => {
    const copies = Array.from({ length: 50 }, () => createIds(() => START, random))
    expect(new Set(copies.map((newId) => newId('txn'))).size).toBe(50)
  })

  test('do not run out within a millisecond, wherever they began', () => {
    const newId = createIds(
      () => START,
      (bytes) => new Uint8Array(bytes).fill(0xff),
    )
    const made = Array.from({ length: 1_000 }, () => newId('txn'))
    expect([...made].sort()).toEqual(made)
    expect(made.every((id) => id.length === 24)).toBe(true)
  })
})
