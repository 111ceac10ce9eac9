/** Work that rests after each batch while there is traffic. */
import { expect, test } from 'bun:test'
import { createPatience } from '../../src/platform/queue/patience'
import type { Traffic } from '../../src/platform/queue/traffic'

function place() {
  let now = 0
  let timers: Array<{ at: number; then: () => void }> = []
  const again: string[] = []
  const traffic = {
    rush: true,
    note() {},
    busy: () => traffic.rush,
    restAfter: (ms: number) => (traffic.rush ? ms * 9 : 0),
  }
  const patience = createPatience(traffic satisfies Traffic, {
    now: () => now,
    after(ms, then) {
      const timer = { at: now + ms, then }
      timers.push(timer)
      return () => {
        timers = timers.filter((each) => each !== timer)
      }
    },
  })
  return {
    traffic,
    patience,
    again,
    rests: (name: string) => patience.rests(name, () => again.push(`${name} at ${now}`)),
    pass(ms: number) {
      now += ms
      const due = timers.filter(({ at }) => at <= now)
      timers = timers.filter(({ at }) => at > now)
      for (const { then } of due) then()
    },
  }
}

test('the first batch begins at once, also in a rush', () => {
  expect(place().rests('mail')).toBe(false)
})

test('after a batch it rests as long as others are to go first, and then begins', () => {
  const { patience, rests, again, pass } = place()
  patience.began('mail')
  pass(10)
  patience.ended('mail')
  expect(rests('mail')).toBe(true)
  pass(89)
  expect(rests('mail')).toBe(true)
  expect(again).toEqual([])
  pass(1)
  expect(again).toEqual(['mail at 100'])
  expect(rests('mail')).toBe(false)
})

test('a batch lasts from the first that begins to the last that ends', () => {
  const { patience, rests, pass } = place()
  patience.began('mail')
  pass(5)
  patience.began('mail')
  pass(5)
  patience.ended('mail')
  expect(rests('mail')).toBe(true)
  pass(10)
  patience.ended('mail')
  pass(179)
  expect(rests('mail')).toBe(true)
  pass(1)
  expect(rests('mail')).toBe(false)
})

test('when it is quiet nothing rests, and each name rests for itself', () => {
  const { patience, rests, traffic, pass } = place()
  patience.began('mail')
  pass(10)
  patience.ended('mail')
  expect(rests('sms')).toBe(false)
  traffic.rush = false
  patience.began('sms')
  pass(10)
  expect(rests('sms')).toBe(false)
  patience.ended('sms')
  expect(rests('sms')).toBe(false)
})

test('when it has ended nobody is called any more', () => {
  const { patience, rests, again, pass } = place()
  patience.began('mail')
  pass(10)
  patience.ended('mail')
  expect(rests('mail')).toBe(true)
  patience.end()
  pass(90)
  expect(again).toEqual([])
})

test('one that never ends holds up the next batches for their rest, and no longer', () => {
  const { patience, rests, again, pass } = place()
  patience.began('mail')
  pass(999)
  expect(rests('mail')).toBe(true)
  pass(1)
  expect(rests('mail')).toBe(true)
  // A batch of a second rests for nine.
  pass(8_999)
  expect(rests('mail')).toBe(true)
  pass(51)
  expect(again).toHaveLength(2)
  expect(rests('mail')).toBe(false)
  patience.began('mail')
  pass(10)
  patience.ended('mail')
  expect(rests('mail')).toBe(true)
})
