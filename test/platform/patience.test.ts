/** Work that rests after each batch while there is traffic. */
import { expect, test } from 'bun:test'
import { createPatience } from '../../src/platform/queue/patience'
import type { Traffic } from '../../src/platform/queue/traffic'

function place() {
  let now = 0
  const traffic = {
    rush: true,
    note() {},
    busy: () => traffic.rush,
    restAfter: (ms: number) => (traffic.rush ? ms * 9 : 0),
  }
  const patience = createPatience(traffic satisfies Traffic, () => now)
  return {
    traffic,
    patience,
    pass: (ms: number) => {
      now += ms
    },
  }
}

test('the first batch begins at once, also in a rush', () => {
  expect(place().patience.restOf('mail')).toBe(0)
})

test('after a batch it rests as long as others are to go first, and then begins', () => {
  const { patience, pass } = place()
  patience.began('mail')
  pass(10)
  patience.ended('mail')
  expect(patience.restOf('mail')).toBe(90)
  pass(89)
  expect(patience.restOf('mail')).toBe(1)
  pass(1)
  expect(patience.restOf('mail')).toBe(0)
})

test('a batch lasts from the first that begins to the last that ends', () => {
  const { patience, pass } = place()
  patience.began('mail')
  pass(5)
  patience.began('mail')
  pass(5)
  patience.ended('mail')
  expect(patience.restOf('mail')).toBeGreaterThan(0)
  pass(10)
  patience.ended('mail')
  expect(patience.restOf('mail')).toBe(180)
})

test('when it is quiet nothing rests, and each name rests for itself', () => {
  const { patience, traffic, pass } = place()
  patience.began('mail')
  pass(10)
  patience.ended('mail')
  expect(patience.restOf('sms')).toBe(0)
  traffic.rush = false
  patience.began('sms')
  pass(10)
  expect(patience.restOf('sms')).toBe(0)
  patience.ended('sms')
  expect(patience.restOf('sms')).toBe(0)
})
